"""A server's loop with several workers: jobs that wait for one are told why, and one's idleness is nobody's loss."""

from __future__ import annotations

from pathlib import Path

import pytest

from blender_addon.core.protocol.messages import JobState, ServerStats
from server.engines.engine import EngineNeeds
from server.service.requests.control_requests import ControlHandler
from server.service.workers.executor import WorkerState
from server.service.workers.worker_plan import planned_workers
from tests.support.systems.turning_loop import JOB, TurningLoop

NETWORK = EngineNeeds(cards=1, without_card="alone")


class Loop(TurningLoop):
    """Its engine is a network's."""

    needs = NETWORK


def test_a_job_that_no_worker_takes_waits_and_says_why(tmp_path: Path) -> None:
    """It was queued when the server had other workers; nothing that was accepted is lost."""
    loop = Loop(tmp_path, planned_workers("light", []))
    loop.queued_job()
    for _ in range(20):
        loop.turn()
    assert loop.manager.store.get(JOB).state is JobState.QUEUED
    assert loop.dispatcher.why_no_worker("copy") == (
        "No worker takes this job: no worker of this server computes networks: start it with --workers auto, or with "
        "one that is heavy. It waits."
    )
    (engine,) = loop.dispatcher.engines or ()
    assert engine.unavailable.startswith("no worker of this server computes networks")
    loop.close()


def test_the_workers_are_looked_at_once_for_all_jobs_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, looks = Loop(tmp_path, planned_workers("light", [])), list[str]()
    why_no_worker = loop.dispatcher.why_no_worker

    def looked(engine: str) -> str:
        looks.append(engine)
        return why_no_worker(engine)

    monkeypatch.setattr(loop.dispatcher, "why_no_worker", looked)
    ids = [f"job-{number:08d}" for number in range(5)]
    for job_id in ids:
        loop.queued_job(job_id)
    for _ in range(3):
        loop.turn()
    handler = ControlHandler(loop.manager, loop.dispatcher, loop.options, "boot", lambda owner: ServerStats())
    waiting = handler.waiting(ids[1:])
    assert [waiting[job_id].queue_place for job_id in ids[1:]] == [1, 2, 3, 4]
    assert all("No worker takes this job" in progress.stage for progress in waiting.values())
    assert looks == ["copy"]
    loop.close()


def test_a_worker_for_networks_starts_with_its_first_job_and_ends_when_it_is_idle(tmp_path: Path) -> None:
    loop = Loop(tmp_path, planned_workers("auto", []), idle_release=600.0)

    def states() -> list[WorkerState]:
        return [worker.state for worker in loop.dispatcher.workers()]

    for _ in range(3):
        loop.turn()
    assert states() == [WorkerState.READY, WorkerState.ASLEEP]
    loop.queued_job()
    for _ in range(8):
        loop.turn()
    assert states() == [WorkerState.READY, WorkerState.READY]
    assert loop.dispatcher.running == JOB
    while loop.workers[1].work():
        loop.turn()
    loop.turn()
    assert loop.manager.store.get(JOB).state is JobState.DONE
    for seconds in (1.0,) * 590:
        loop.turn(seconds)
    assert states() == [WorkerState.READY, WorkerState.READY]
    for seconds in (1.0,) * 20:
        loop.turn(seconds)
    assert states() == [WorkerState.READY, WorkerState.ASLEEP]
    assert len(loop.workers) == 2, "the one that has run nothing has nothing to give back"
    loop.close()
