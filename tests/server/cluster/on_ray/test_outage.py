"""A cluster that is gone: the server says so, keeps its jobs, and joins the next head at the same address."""

from __future__ import annotations

from pathlib import Path

from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState, StateEvent
from server.demo.motorcycle import Motorcycle
from tests.support.servers import RunningServer, free_address, new_id
from tests.support.shots import small_payload
from tests.support.systems.ray_nodes import PATIENCE, ray_nodes, wait_until

WAITING = "Jobs wait until it is back"


def told_of(client: Client, job_id: str) -> str:
    """What a client that begins to follow a waiting job is told first."""
    return next((event.stage for event in client.follow(job_id) if isinstance(event, JobProgress)), "")


def test_jobs_wait_while_the_head_is_gone_and_the_server_may_even_be_started_then(
    bike: Motorcycle, tmp_path: Path
) -> None:
    port = free_address().control_port
    server = RunningServer(tmp_path / "data", tmp_path / "config", log=tmp_path / "log")
    try:
        with ray_nodes(port) as nodes:
            server.arguments = ("--cluster", nodes.address)
            server.start()
            with server.client(patience=PATIENCE) as client:
                client.connect(PATIENCE)
                go_on, running = tmp_path / "go on", new_id()
                payload = small_payload(bike, "resume", seed=3, always=True, until=str(go_on))
                client.submit(running, payload, "resume")
                kept = server.data_dir / "checkpoints" / running / "state"
                wait_until(kept.exists)
        # The cluster is gone, with the job that ran there.
        with server.client(patience=PATIENCE) as client:
            wait_until(lambda: client.status(running).state is JobState.QUEUED)
            wait_until(lambda: "is gone" in told_of(client, running))
            wait_until(lambda: all(WAITING in str(engine.notice) for engine in client.connect(PATIENCE).engines))
        server.kill()
        server.start()
        waiting = new_id()
        with server.client(patience=PATIENCE) as client:
            client.submit(waiting, small_payload(bike), "copy")
            assert client.status(waiting).state is JobState.QUEUED
            go_on.touch()
            with ray_nodes(port):
                for job_id in (running, waiting):
                    last = list(client.follow(job_id))[-1]
                    assert isinstance(last, StateEvent)
                    assert (last.state, last.reason) == (JobState.DONE, "")
                client.fetch(waiting, tmp_path / "clip")
    finally:
        server.stop()
