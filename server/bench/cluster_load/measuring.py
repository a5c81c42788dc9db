"""Jobs on local workers, on those of a Ray cluster, and as plain calls of Ray, on this machine."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from blender_addon.core.errors import ServiceError
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from blender_addon.core.version import COMMAND_LINE_SOFTWARE
from server.bench.draft import arc_shot
from server.bench.service import ECHO
from server.bench.service_load.engine import CLOCKWORK, STEP_SECONDS, STEPS, small_payload
from server.demo.motorcycle import motorcycle
from server.packages import absent_packages
from server.service.workers.executor import WorkerKind, WorkerState
from server.terminal.local_service import local_service

from . import work
from .helper import Helper, helper
from .questions import ADDRESS, Added, AddNode, Echo, Tick, Took

PATIENCE = 300.0
"""Seconds for a server and its first worker to be ready."""


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        workers: numbers of them, for each of which all of them get jobs of a fixed time.
        each: jobs for each worker.
        step_seconds: of the engine, which takes STEPS of them for a job.
        repeats: jobs of no engine time.
    """

    workers: tuple[int, ...] = (1, 2, 4, 8, 16)
    each: int = 3
    step_seconds: float = 0.2
    repeats: int = 20


@dataclass(frozen=True)
class Scaling:
    """Seconds from the first submission until all jobs were done.

    Attributes:
        workers: how many there were.
        engine: what the engine's own steps take, where every worker has as many jobs.
        local: on workers of this machine.
        cluster: on those of the cluster.
        plain: as plain calls.
    """

    workers: int
    engine: float
    local: float
    cluster: float
    plain: float


@dataclass(frozen=True)
class Waits:
    """Seconds of a job: median, 90th percentile and the longest."""

    median: float
    p90: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Waits:
        """Those of these times."""
        median, p90 = np.percentile(seconds, (50, 90))
        return cls(float(median), float(p90), float(max(seconds)))


@dataclass(frozen=True)
class Overhead:
    """Of a job whose engine takes no time: 16 frames of 512 x 320, from its submission until its clip is on disk.

    Attributes:
        local: on a worker of this machine.
        cluster: on one of the cluster.
        plain: the function alone, as a plain call whose answer is the clip's files.
        shot_bytes: of the payload.
    """

    local: Waits
    cluster: Waits
    plain: Waits
    shot_bytes: int


@dataclass(frozen=True)
class ClusterFigures:
    """What was measured. overhead: None where it was not."""

    plan: Plan
    scaling: tuple[Scaling, ...]
    overhead: Overhead | None


@dataclass
class _Bench:
    """A cluster and a server on it.

    Attributes:
        folder: for everything.
        environment: of all processes.
        nodes: the cluster.
        plain: makes plain calls.
        client: of the server.
        cards: that the nodes have.
    """

    folder: Path
    environment: dict[str, str]
    nodes: Helper
    plain: Helper
    client: Client
    cards: int = field(default=1)


def measure_cluster(plan: Plan) -> ClusterFigures:
    """Start a cluster and servers and measure them.

    Raises:
        ServiceError: Ray is not installed, or one of the processes has ended.
    """
    if absent := absent_packages(("ray",), "cluster"):
        raise ServiceError("This measurement needs Ray", absent)
    with _bench(plan) as bench:
        scaling = tuple(_scaling(bench, plan, workers) for workers in sorted(plan.workers))
        overhead = _overhead(bench, plan.repeats) if plan.repeats else None
    return ClusterFigures(plan, scaling, overhead)


@contextmanager
def _bench(plan: Plan) -> Iterator[_Bench]:
    """A cluster whose one node has a card, and a server on it."""
    with ExitStack() as stack:
        # Paths of Ray's sockets must be short, and its processes may outlive their files.
        ray_folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rc", ignore_cleanup_errors=True))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        environment = {
            "REALCAM_CONFIG_DIR": str(folder / "config"),
            STEP_SECONDS: str(plan.step_seconds),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_TMPDIR": ray_folder,
            # As the local workers, not below them: 15 is Ray's own.
            "RAY_worker_niceness": str(os.nice(0) if sys.platform != "win32" else 0),
        }
        room = __name__.rpartition(".")[0]
        nodes = stack.enter_context(helper(f"{room}.nodes_process", folder / "nodes.log", environment))
        address = nodes.ask(AddNode(1), Added).address
        environment[ADDRESS] = address
        plain = stack.enter_context(helper(f"{room}.plain_calls", folder / "plain.log", environment))
        client = stack.enter_context(_server(folder / "cluster", environment, "on_cards", "--cluster", address))
        yield _Bench(folder, environment, nodes, plain, client)


@contextmanager
def _server(folder: Path, environment: dict[str, str], engines: str, *arguments: str) -> Iterator[Client]:
    """A client of a server that runs while the context lasts."""
    arguments = ("--engines", f"{work.__name__}:{engines}", *arguments)
    config = Path(environment["REALCAM_CONFIG_DIR"])
    with (
        local_service(folder / "data", folder / "log", arguments, environment, PATIENCE) as address,
        Client(address, "bench", COMMAND_LINE_SOFTWARE, config=config, patience=PATIENCE) as client,
    ):
        yield client


def _here(bench: _Bench, workers: int) -> AbstractContextManager[Client]:
    """A client of a server with so many workers of this machine."""
    plan = ",".join([WorkerKind.LIGHT] * workers)
    return _server(bench.folder / f"local-{workers}", bench.environment, "here", "--workers", plan)


def _scaling(bench: _Bench, plan: Plan, workers: int) -> Scaling:
    payload = small_payload()
    path = bench.folder / "tick"
    path.write_bytes(payload)
    if workers > bench.cards:
        bench.nodes.ask(AddNode(workers - bench.cards), Added)
        bench.cards = workers
    with _here(bench, workers) as local:
        local_seconds = _seconds(local, payload, workers, plan.each)
    return Scaling(
        workers=workers,
        engine=plan.each * STEPS * plan.step_seconds,
        local=local_seconds,
        cluster=_seconds(bench.client, payload, workers, plan.each),
        plain=bench.plain.ask(Tick(workers, plan.each, str(path)), Took).seconds,
    )


def _seconds(client: Client, payload: bytes, workers: int, each: int) -> float:
    """Seconds from the first submission until all jobs were done, on so many workers that are there already."""
    while sum(worker.state == WorkerState.READY for worker in client.stats().workers) < workers:
        # Those that sleep are woken by jobs that wait for them.
        _bring(client, payload, workers)
    _bring(client, payload, workers)
    began = time.perf_counter()
    _bring(client, payload, workers * each)
    return time.perf_counter() - began


def _bring(client: Client, payload: bytes, count: int, engine: str = CLOCKWORK) -> None:
    """Submit so many jobs and follow them to their end.

    Raises:
        ServiceError: one was not done.
    """
    jobs = [uuid.uuid4().hex for _ in range(count)]
    for job_id in jobs:
        client.submit(job_id, payload, engine)
    for job_id in jobs:
        last = list(client.follow(job_id))[-1]
        if not isinstance(last, StateEvent) or last.state is not JobState.DONE:
            raise ServiceError("A job of the measurement was not done", f"{last}")


def _overhead(bench: _Bench, repeats: int) -> Overhead:
    """The three ways in turn, so that what else the machine does hits all of them."""
    bike = motorcycle()
    shot = replace(arc_shot(bike.photo, bike.depth, bike.intrinsics), settings=ShotSettings(engine=ECHO))
    payload, path = encode_shot(shot), bench.folder / "echo"
    path.write_bytes(payload)
    local, cluster, plain = list[float](), list[float](), list[float]()
    with _here(bench, 1) as local_client:
        for _ in range(repeats + 1):
            for client, seconds in ((local_client, local), (bench.client, cluster)):
                began = time.perf_counter()
                _bring(client, payload, 1, ECHO)
                seconds.append(time.perf_counter() - began)
            plain.append(bench.plain.ask(Echo(str(path)), Took).seconds)
    # The first of each has loaded what the others find.
    found = [Waits.of(seconds[1:]) for seconds in (local, cluster, plain)]
    return Overhead(local=found[0], cluster=found[1], plain=found[2], shot_bytes=len(payload))
