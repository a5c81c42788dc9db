"""A server's loop with several workers: jobs that wait for one are told why, and one's idleness is nobody's loss."""

from __future__ import annotations

from pathlib import Path

from blender_addon.core.protocol.messages import JobState
from server.engines.engine import EngineNeeds
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
