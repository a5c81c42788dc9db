"""A computer that sleeps for a night, in each state of a job: no hang, no lost client, no lost job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon.core.errors import ErrorCode, ServiceError
from blender_addon.core.protocol.client import Client
from blender_addon.core.protocol.client_session import InterruptedWaitError
from blender_addon.core.protocol.messages import JobState, JobStatus
from blender_addon.core.protocol.server_address import ServerAddress
from server.service.requests.sessions import QUIET
from tests.support.systems.jumping_clock import NIGHT, JumpingClock
from tests.support.systems.turning_loop import JOB, TurningLoop


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[TurningLoop]:
    """A server's loop that the test turns."""
    turning = TurningLoop(tmp_path)
    yield turning
    turning.close()


@pytest.mark.parametrize("state", ["worker starts", "queued", "running", "after a step", "finalizing", "cancelled"])
def test_a_night_of_sleep_ends_no_job(loop: TurningLoop, state: str) -> None:
    job = loop.queued_job()
    loop.dispatcher.tick()
    worker = loop.workers[0]
    if state != "worker starts":
        loop.turn()
    if state not in ("worker starts", "queued"):
        loop.turn()
        assert loop.dispatcher.running == job.job_id
    steps = {"after a step": 1, "finalizing": 2}.get(state, 0)
    for _ in range(steps):
        worker.work()
        loop.turn()
    if state == "cancelled":
        loop.dispatcher.cancel(loop.manager.store.get(job.job_id))
    loop.turn(NIGHT)
    loop.turn()
    assert len(loop.sessions) == 1
    while worker.work():
        loop.turn()
    loop.turn()
    job = loop.manager.store.get(job.job_id)
    assert (job.state, job.attempt, job.reason) == (
        (JobState.CANCELLED, 1, "Cancelled.") if state == "cancelled" else (JobState.DONE, 1, "")
    )
    assert len(loop.workers) == 1


def test_an_engine_that_hangs_and_a_client_that_is_gone_are_still_seen(loop: TurningLoop) -> None:
    job = loop.queued_job()
    loop.turn(NIGHT)
    for _ in range(round(QUIET + loop.options.step_timeout)):
        loop.turn(1.0)
    assert len(loop.sessions) == 0
    assert len(loop.workers) > 1
    assert loop.manager.store.get(job.job_id).attempt > 1


class _Away:
    """A server that is out of reach until the lid has been opened again; what a client sees of it."""

    def __init__(self, computer: JumpingClock, slept: float, each: float = 5.0) -> None:
        self.computer, self.slept, self.each, self.tries = computer, slept, each, 0

    def __call__(self, *_: object) -> object:
        self.tries += 1
        self.computer.seconds += self.each
        if self.tries == 3:
            self.computer.seconds += self.slept
        if self.tries == 6 and self.slept:
            raise InterruptedWaitError
        raise ServiceError("No server answers", code=ErrorCode.UNREACHABLE)


def test_a_client_goes_on_looking_for_its_server_after_a_night_and_gives_up_after_its_patience() -> None:
    def ask(away: _Away) -> JobStatus:
        client = Client(
            ServerAddress("127.0.0.1", 1, 2), "x", "tests", patience=60.0, connect=away, clock=away.computer
        )  # type: ignore[arg-type]
        return client.status(JOB)

    away = _Away(JumpingClock(), NIGHT)
    with pytest.raises(InterruptedWaitError):
        ask(away)
    away = _Away(JumpingClock(), 0.0)
    with pytest.raises(ServiceError, match="No server answers"):
        ask(away)
    assert away.tries == 13
    # A name server that does not answer either takes longer each time than any other wait: that is no sleep.
    away = _Away(JumpingClock(), 0.0, each=100.0)
    with pytest.raises(ServiceError, match="No server answers"):
        ask(away)
    assert away.tries == 3
