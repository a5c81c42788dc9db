"""Workers and machines that their operator takes out of use: what runs there ends or moves on, nothing new comes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.messages import JobState, StateEvent
from blender_addon.core.protocol.worker_stats import WorkerStats
from server.cli import app
from server.demo.motorcycle import Motorcycle
from server.service.drains import Drain, Drains, change_drains, drains_path, read_drains
from server.service.jobs.job_record import Job
from server.service.workers.dispatcher import DRAIN_GRACE, DRAINED, MAINTENANCE
from server.service.workers.executor import WorkerKind, WorkerPlace
from server.service.workers.outcomes import CANCELLED
from tests.support.servers import PATIENCE, REPOSITORY, RunningServer, StartServer, free_address, new_id
from tests.support.shots import small_payload
from tests.support.systems.turning_loop import TurningLoop

TWO = {WorkerPlace(name, WorkerKind.ANY, node="host"): None for name in ("one", "two")}


class Maintained(TurningLoop):
    """A loop with two workers that keeps the operator's list by its own clock."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, TWO, step_timeout=1e4, heartbeat_timeout=1e4)
        self.path = drains_path(folder)
        self.drains = Drains(folder, clock=lambda: self.computer.seconds)

    def listed(self, *drains: Drain) -> None:
        for drain in read_drains(self.path):
            change_drains(self.path, drain.name, None)
        for drain in drains:
            change_drains(self.path, drain.name, drain)

    def turn(self, seconds: float = 0.1) -> None:
        self.drains.keep(self.dispatcher)
        super().turn(seconds)

    def begin(self, *job_ids: str) -> None:
        """Turn until these jobs run, the first on the first worker."""
        for job_id in job_ids:
            self.queued_job(job_id)
        while sum(worker.busy for worker in self.stats()) < len(job_ids):
            self.turn()

    def stats(self, owner: str | None = None) -> tuple[WorkerStats, ...]:
        return self.dispatcher.worker_stats(owner)

    def doing(self) -> list[str]:
        return [worker.doing for worker in self.stats()]

    def finish(self, process: int) -> None:
        """Have a worker's process, by its number, end its job: a step, the clip, its files."""
        for _ in range(3):
            assert self.workers[process].work()
            self.turn()


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Maintained]:
    maintained = Maintained(tmp_path)
    yield maintained
    maintained.close()


def test_a_drained_worker_ends_its_job_and_gets_no_other(loop: Maintained) -> None:
    loop.begin("job-00000001", "job-00000002")
    loop.listed(Drain("one", 0.0))
    loop.queued_job("job-00000003")
    loop.turn()
    assert loop.doing() == ["last job", "a job"]
    loop.finish(0)
    assert loop.manager.store.get("job-00000001").state is JobState.DONE
    loop.turn(1000.0)
    assert loop.doing() == ["drained", "a job"]
    assert loop.dispatcher.why_no_worker("copy") == ""
    loop.finish(1)
    assert loop.stats()[1].job_id == "job-00000003"


def test_a_job_of_a_drained_machine_waits_and_says_so(loop: Maintained) -> None:
    loop.listed(Drain("host", 0.0))
    for _ in range(5):
        loop.turn()
    loop.queued_job("job-00000001")
    loop.turn()
    assert loop.doing() == ["drained", "drained"]
    assert loop.dispatcher.why_no_worker("copy") == MAINTENANCE
    # Clients are welcomed all the same.
    assert [engine.name for engine in loop.dispatcher.engines or ()] == ["copy"]
    loop.listed()
    while not loop.stats()[0].busy:
        loop.turn()
    assert loop.dispatcher.why_no_worker("copy") == ""


def test_a_worker_that_is_listed_by_two_names_stays_out_until_both_are_gone(loop: Maintained) -> None:
    loop.listed(Drain("host", 0.0), Drain("one", 0.0))
    loop.turn()
    loop.listed(Drain("one", 0.0))
    loop.turn()
    assert [worker.draining for worker in loop.stats()] == [True, False]


def test_what_does_not_stop_at_the_deadline_is_ended_and_goes_on_elsewhere_uncounted(loop: Maintained) -> None:
    loop.begin("job-00000001")
    loop.listed(Drain("one", 0.0, deadline=loop.computer.seconds + 100.0))
    loop.turn(99.0)
    assert loop.doing()[0] == "last job"
    loop.turn()
    for _ in range(round(DRAIN_GRACE) - 1):
        loop.turn(1.0)
    assert loop.stats()[0].busy
    for _ in range(5):
        loop.turn(1.0)
    job = loop.manager.store.get("job-00000001")
    assert (job.state, job.attempt, job.lifecycle.worker_crashes) == (JobState.RUNNING, 2, 0)
    assert loop.stats()[1].job_id == job.job_id
    loop.turn()
    assert loop.doing() == ["drained", "a job"]
    # The simulated process ignores a pause, as an engine without checkpoints does.
    assert any(DRAINED in event.reason for event in loop.manager.store.events_after(job.job_id, 0))


def test_a_job_that_is_cancelled_while_its_worker_is_drained_does_not_say_that_it_goes_on(loop: Maintained) -> None:
    loop.begin("job-00000001")
    loop.listed(Drain("one", 0.0, deadline=0.0))
    loop.turn()
    for _ in range(round(DRAIN_GRACE)):
        loop.turn(1.0)
    # The process has been ended, and the server has not heard of it yet.
    loop.dispatcher.cancel(loop.manager.store.get("job-00000001"))
    loop.turn()
    job = loop.manager.store.get("job-00000001")
    assert (job.state, job.reason, job.attempt) == (JobState.CANCELLED, CANCELLED, 1)


def test_a_cancel_counts_though_the_end_on_a_drained_worker_waits_for_the_disk(
    loop: Maintained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Job:
        raise sqlite3.OperationalError("database or disk is full")

    loop.begin("job-00000001")
    loop.listed(Drain("one", 0.0, deadline=0.0))
    loop.turn()
    with monkeypatch.context() as disk:
        disk.setattr(loop.manager.store, "apply", full)
        for _ in range(round(DRAIN_GRACE) + 1):
            loop.turn(1.0)
    assert not loop.stats()[0].busy
    loop.dispatcher.cancel(loop.manager.store.get("job-00000001"))
    loop.turn()
    assert loop.manager.store.get("job-00000001").state is JobState.CANCELLED


def test_what_still_runs_on_a_worker_that_is_used_again_goes_to_its_end(loop: Maintained) -> None:
    loop.begin("job-00000001")
    loop.listed(Drain("one", 0.0, deadline=0.0))
    loop.turn()
    loop.listed()
    for _ in range(2 * round(DRAIN_GRACE)):
        loop.turn(1.0)
    loop.finish(0)
    job = loop.manager.store.get("job-00000001")
    assert (job.state, job.attempt) == (JobState.DONE, 1)
    # The process that was told to pause has been replaced by one that was not.
    while loop.doing() != ["idle", "idle"]:
        loop.turn()
    assert len(loop.workers) == 3


def test_operators_that_change_the_list_at_one_moment_lose_nothing_of_each_other(tmp_path: Path) -> None:
    """Processes of their own, each with names of its own."""
    code = (
        "import sys; from pathlib import Path; from server.service.drains import *\n"
        "for number in range(10): change_drains(Path(sys.argv[1]), name := f'{sys.argv[2]}{number}', Drain(name, 0.0))"
    )
    path = drains_path(tmp_path / "made")
    started = [subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=REPOSITORY) for name in "abcd"]
    assert [process.wait(PATIENCE) for process in started] == [0] * 4
    assert sorted(drain.name for drain in read_drains(path)) == [f"{name}{n}" for name in "abcd" for n in range(10)]
    assert change_drains(path, "a0", None)
    assert not change_drains(path, "a0", None)


def test_a_list_that_cannot_be_read_changes_nothing(loop: Maintained) -> None:
    loop.listed(Drain("one", 0.0))
    loop.turn()
    loop.path.write_bytes(b"[{")
    loop.turn()
    assert [worker.draining for worker in loop.stats()] == [True, False]


def test_a_client_learns_nothing_of_anothers_job(loop: Maintained) -> None:
    loop.begin("job-00000001")
    assert [worker.job_id for worker in loop.stats("anna")] == ["job-00000001", ""]
    assert [worker.job_id for worker in loop.stats("bert")] == ["", ""]
    assert [worker.busy for worker in loop.stats("bert")] == [True, False]


def drain(server: RunningServer, *words: str, code: int = 0) -> str:
    environment = {"REALCAM_CONFIG_DIR": str(server.config_dir), "COLUMNS": "200"}
    result = CliRunner().invoke(app, ["drain", *words, "--server", str(server.address)], env=environment)
    assert result.exit_code == code, result.output
    return result.output


def test_a_job_stops_at_its_checkpoint_and_goes_on_once_its_worker_is_back(
    start_server: StartServer, bike: Motorcycle, tmp_path: Path
) -> None:
    server, job_id, go_on = start_server(address=free_address()), new_id(), tmp_path / "go on"
    with server.client() as client:
        node = client.stats().workers[0].node
        assert "There are: " in drain(server, "nosuch", code=1)
        client.submit(job_id, small_payload(bike, "resume", pause=0.3, frames=6, until=str(go_on)), "resume")
        next(event for event in client.follow(job_id) if isinstance(event, JobProgress) and event.total)
        assert "no more jobs" in drain(server, node, "--deadline", "0")
        while not all(worker.draining for worker in client.stats().workers):
            time.sleep(0.1)
        go_on.touch()
        assert "Nothing runs there" in drain(server, node, "--deadline", "0", "--wait")
        assert client.status(job_id).state is JobState.QUEUED
    assert (server.data_dir / "checkpoints" / job_id / "state").exists()
    server.stop()
    server.start()
    assert node in drain(server)
    with server.client() as client:
        assert next(event.stage for event in client.follow(job_id) if isinstance(event, JobProgress)) == MAINTENANCE
        assert client.status(job_id).state is JobState.QUEUED
        drain(server, node, "--undo")
        assert drain(server) == "Nothing is out of use.\n"
        assert read_drains(drains_path(server.config_dir)) == []
        events = list(client.follow(job_id))
    assert isinstance(events[-1], StateEvent)
    assert (events[-1].state, events[-1].attempt) == (JobState.DONE, 2)
    assert "is not out of use" in drain(server, node, "--undo", code=1)
