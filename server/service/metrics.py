"""The server's metrics for Prometheus: as text, and over HTTP on this machine when a port was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from blender_addon.core.errors import ErrorCode, ServiceError
from blender_addon.core.protocol.messages import ServerStats
from blender_addon.core.protocol.server_address import DEFAULT_HOST
from blender_addon.core.protocol.worker_stats import WorkerStats


class MetricsServer(Protocol):
    """The HTTP server that answers at /metrics."""

    def shutdown(self) -> None:
        """Stop answering."""


class StatsCollector(Collector):
    """Gauges of the server's statistics at the moment of each collection.

    Args:
        stats: called for each collection; None when the server does not answer, which gives no gauges.
    """

    def __init__(self, stats: Callable[[], ServerStats | None]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One metric family for each figure."""
        stats = self._stats()
        if stats is None:
            return
        for name, what, value in (
            ("uptime_seconds", "Since the server started", stats.uptime),
            ("loop_lag_seconds", "How late the server's loop was at worst lately", stats.loop_lag),
            ("worker_ready", "Whether a worker takes jobs", stats.worker_ready),
            ("job_running", "Whether any job runs", stats.running),
            ("last_step_age_seconds", "Since the last step of the job that is silent longest", stats.step_age),
            ("jobs_queued", "Jobs that wait", stats.queued),
            ("sessions", "Connected clients", stats.sessions),
            ("refused_connections", "Connections refused for their key since the start", stats.refused_connections),
            ("disk_free_bytes", "Free on the disk of the jobs", stats.disk_free),
            ("disk_promised_bytes", "Promised to accepted jobs", stats.disk_promised),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"realcam_{name}", what, value=float(value))
        yield _labelled("memory_bytes", "Resident", "process", {"server": stats.memory, "worker": stats.worker_memory})
        yield _labelled("jobs", "Jobs on record", "state", stats.jobs)
        yield from _of_workers(stats.workers)
        yield _labelled(
            "engine_set_aside", "Failed too often in a row", "engine", dict.fromkeys(stats.suspended_engines, 1)
        )


def _of_workers(workers: tuple[WorkerStats, ...]) -> Iterator[GaugeMetricFamily]:
    """One metric family for each figure of the workers, and one whose labels say what they are and do."""
    what = GaugeMetricFamily(
        "realcam_worker_info",
        "What each worker is and does; always 1",
        labels=["worker", "node", "kind", "card", "state", "doing", "engine", "job_id"],
    )
    for worker in workers:
        is_now = (worker.kind, ",".join(worker.cards), worker.state, worker.doing, worker.engine, worker.job_id[:12])
        what.add_metric([worker.name, worker.node, *is_now], 1.0)
    yield what
    for name, text, values in (
        ("busy", "Whether it runs a job", [float(worker.busy) for worker in workers]),
        ("draining", "Whether it is given no more jobs", [float(worker.draining) for worker in workers]),
        ("resident_bytes", "Resident memory of its process", [float(worker.memory) for worker in workers]),
        ("step_age_seconds", "Since its job's last step", [worker.step_age for worker in workers]),
    ):
        family = GaugeMetricFamily(f"realcam_worker_{name}", text, labels=["worker", "node"])
        for worker, value in zip(workers, values, strict=True):
            if value is not None:
                family.add_metric([worker.name, worker.node], value)
        yield family


def metrics_text(stats: ServerStats) -> str:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(StatsCollector(lambda: stats))
    return generate_latest(registry).decode()


def serve_metrics(port: int, stats: Callable[[], ServerStats | None]) -> MetricsServer:
    """A running HTTP server that answers http://127.0.0.1:port/metrics from threads of its own.

    Args:
        port: where it listens.
        stats: called from these threads; None when the server does not answer.

    Raises:
        ServiceError: the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(StatsCollector(stats))
    try:
        server, _ = start_http_server(port, addr=DEFAULT_HOST, registry=registry)
    except OSError as error:
        raise ServiceError(
            f"The figures cannot be served on port {port}",
            error.strerror or str(error),
            "Choose another --metrics-port.",
            code=ErrorCode.PORT_TAKEN,
        ) from error
    return server


def _labelled(name: str, what: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"realcam_{name}", what, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], float(value))
    return family
