"""A server with a worker for short jobs and one for networks, each a process: neither waits for the other, nor dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.messages import JobState
from server.demo.motorcycle import Motorcycle
from tests.support.servers import KILLED, StartServer, new_id, workers_of
from tests.support.shots import small_payload

ENGINES = "tests.support.engines.two_kinds:engines"


@contextmanager
def held_job(client: Client, bike: Motorcycle, engine: str, go_on: Path) -> Iterator[str]:
    """A job that runs, and goes on once the block has ended."""
    job_id = new_id()
    client.submit(job_id, small_payload(bike, engine, until=str(go_on)), engine)
    for event in client.follow(job_id):
        if isinstance(event, JobProgress) and event.done > 0:
            break
    yield job_id
    go_on.touch()


def test_a_short_job_does_not_wait_for_a_long_one_and_survives_its_death(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server = start_server(engines=ENGINES)
    with server.client() as client, server.client() as other:
        assert len(workers_of(server)) == 1, "that of networks starts with its first job"
        with held_job(client, bike, "long", tmp_path / "long goes on") as long:
            second, short = new_id(), new_id()
            client.submit(second, small_payload(bike, "long"), "long")
            client.submit(short, small_payload(bike, "short"), "short")
            list(other.follow(short))
            assert client.status(short).state is JobState.DONE
            assert client.status(long).state is JobState.RUNNING
            with held_job(other, bike, "short", tmp_path / "short goes on") as killed:
                third = new_id()
                client.submit(third, small_payload(bike, "short"), "short")
                assert client.status(second).queue_place == 1, "the short one that runs is in another queue"
                assert client.status(third).queue_place == 1
                light, heavy = workers_of(server)
                light.kill()
            list(other.follow(killed))
            list(other.follow(third))
            assert client.status(killed).attempt == 2
            assert [client.status(job).state for job in (killed, third)] == [JobState.DONE, JobState.DONE]
            assert client.status(long).state is JobState.RUNNING
            assert heavy.is_running()
        list(client.follow(second))
        assert [client.status(job).state for job in (long, second)] == [JobState.DONE, JobState.DONE]
        assert client.status(long).attempt == 1
        reasons = [event.reason for event in other.follow(killed) if not isinstance(event, JobProgress)]
        assert any(KILLED in reason for reason in reasons)
        with pytest.raises(ServiceError, match="it needs 2 cards in one worker; this server has none"):
            client.submit(new_id(), small_payload(bike, "two-cards"), "two-cards")


def test_engines_give_their_memory_back_to_another_one_and_when_they_are_idle(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server, released = start_server("--idle-release", "0.1", engines=ENGINES), tmp_path / "released"
    with server.client() as client:
        (first,) = workers_of(server)
        jobs = [(engine, new_id()) for engine in ("long", "long", "other-long", "short")]
        for engine, job_id in jobs:
            client.submit(job_id, small_payload(bike, engine, released=str(released)), engine)
        for engine, job_id in jobs:
            list(client.follow(job_id))
            if engine == "long":
                assert client.status(job_id).state is JobState.DONE
        assert released.exists()
        psutil.wait_procs([first])
        job_id = new_id()
        client.submit(job_id, small_payload(bike, "short"), "short")
        list(client.follow(job_id))
        assert (client.status(job_id).state, client.status(job_id).attempt) == (JobState.DONE, 1)
