"""A file of a job that another program holds for a while costs neither the clip nor the server. A real dispatcher,
store and files; the worker is one that has written its clip. The loop's thread never waits.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from blender_addon.core import held_files
from blender_addon.core.protocol.messages import JobState, Progress, ResultFile, StateEvent
from server.service.jobs.disk import Disk
from server.service.jobs.job_files import MANIFEST, JobFiles, Manifest
from server.service.jobs.job_manager import JobManager, reconcile
from server.service.jobs.job_states import Cause
from server.service.jobs.job_store import JobStore
from server.service.options import ServiceOptions
from server.service.wakeup import Wakeup
from server.service.workers import outcomes
from server.service.workers import worker_messages as pipe
from server.service.workers.dispatcher import Dispatcher
from server.service.workers.local_workers import LocalWorkers
from tests.support.network.simulated_wire import ONE
from tests.support.systems.refused_calls import FOREVER, refused_first
from tests.support.systems.sharing_rule import sharing_violation

CLIP = b"a clip"
RESULT = ResultFile(name="clip.mp4", nbytes=len(CLIP), sha256=hashlib.sha256(CLIP).hexdigest())
JOB, NEXT = "job-00000001", "job-00000002"


class ReadyWorker:
    """A worker process that does at once what it is told."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        say(self, pipe.Ready(pid=1, engines=()))

    def send(self, message: object) -> None:
        """Writes the clip of a job."""
        if not isinstance(message, pipe.RunJob):
            return
        folder = Path(message.work)
        folder.mkdir()
        (folder / RESULT.name).write_bytes(CLIP)
        manifest = Manifest(job_id=message.job_id, attempt=message.attempt, engine_seconds=1.0, results=(RESULT,))
        (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        name = {"job_id": message.job_id, "attempt": message.attempt}
        self._say(self, pipe.ClipMade(**name))
        self._say(self, pipe.Finished(**name, results=(RESULT,), engine_seconds=1.0))

    def kill(self) -> None:
        """It ends."""

    def close(self, seconds: float) -> None:
        """It has ended."""


class Loop:
    """The part of a server that runs jobs."""

    def __init__(self, folder: Path) -> None:
        self.events: list[StateEvent] = []
        self.stages: list[str] = []
        self.manager = JobManager(JobStore(folder / "jobs.sqlite3"), JobFiles(folder), self.events.append)
        self.files = self.manager.files
        self._wakeup = Wakeup()
        options = ServiceOptions(data_dir=folder, config_dir=folder)
        self.dispatcher = Dispatcher(
            self.manager,
            options,
            self._told,
            time.monotonic,
            LocalWorkers(
                options, ONE, self._wakeup, time.monotonic, lambda engines, form, say, cards: ReadyWorker(say)
            ),
        )
        reconcile(self.manager)

    def _told(self, progress: Progress, preview: bytes) -> None:
        self.stages.append(progress.stage)

    def queue(self, job_id: str) -> None:
        """A job comes in."""
        job = self.manager.store.create(job_id, "anna", "0" * 64, 4, "copy", "", 1.0)
        self.files.payload(job_id).write_bytes(b"shot")
        self.manager.move(job, Cause.PAYLOAD_STORED)

    def turn(self, times: int = 6) -> None:
        """The loop goes round."""
        for _ in range(times):
            for action in self._wakeup.take():
                action()
            self.dispatcher.tick()

    def state(self, job_id: str = JOB) -> JobState:
        """The stored state."""
        return self.manager.store.get(job_id).state

    def end(self) -> None:
        """The server ends."""
        self.dispatcher.close()
        self.manager.store.close()
        self._wakeup.close()


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr(outcomes, "STORE_AGAIN", 0.0)
    monkeypatch.setattr(held_files.time, "sleep", lambda seconds: pytest.fail("the loop's thread waits"))
    loop = Loop(tmp_path)
    yield loop
    loop.end()


def clip(loop: Loop, job_id: str = JOB) -> bytes:
    return (loop.files.result_folder(job_id) / RESULT.name).read_bytes()


def test_a_clip_that_is_held_is_finalizing_until_it_can_be_stored_and_other_jobs_go_on(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    with refused_first(FOREVER, loop.files.work / f"{JOB}.1"):
        loop.queue(JOB)
        loop.queue(NEXT)
        loop.turn()
        assert (loop.state(JOB), loop.state(NEXT)) == (JobState.FINALIZING, JobState.DONE)
        assert loop.files.finished_work(JOB, 1) is not None
    loop.turn()
    assert loop.state() is JobState.DONE
    assert (clip(loop), clip(loop, NEXT)) == (CLIP, CLIP)
    assert [event.state for event in loop.events if event.job_id == JOB].count(JobState.DONE) == 1
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1, "it is logged once"
    (stage,) = loop.stages
    assert stage.startswith("cannot be stored yet: The process cannot access the file")


@pytest.mark.usefixtures("loop")
def test_a_clip_that_is_held_when_the_server_ends_is_stored_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    first = Loop(folder)
    with refused_first(FOREVER, first.files.work / f"{JOB}.1"):
        first.queue(JOB)
        first.turn()
        assert first.state() is JobState.FINALIZING
        first.end()
    again = Loop(folder)
    assert (again.state(), clip(again)) == (JobState.DONE, CLIP)
    again.end()


def test_a_clip_that_is_held_can_be_cancelled(loop: Loop) -> None:
    with refused_first(FOREVER, loop.files.work / f"{JOB}.1"):
        loop.queue(JOB)
        loop.turn()
        loop.dispatcher.cancel(loop.manager.store.get(JOB))
        loop.turn()
        assert loop.state() is JobState.CANCELLED
    assert loop.manager.store.get(JOB).results == (), "it has no clip to fetch"
    loop.manager.tidy(loop.files.leftover)
    assert list(loop.files.work.iterdir()) == []


def test_a_clip_whose_names_cannot_be_synced_at_once_is_not_lost(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [OSError(5, "Input/output error"), OSError(5, "Input/output error")]
    real = held_files.os.fsync

    def fsync(descriptor: int) -> None:
        if errors:
            raise errors.pop()
        real(descriptor)

    monkeypatch.setattr(held_files.os, "fsync", fsync)
    loop.queue(JOB)
    loop.turn(8)
    assert (loop.state(), errors) == (JobState.DONE, [])


def test_a_clip_that_somebody_deleted_fails_in_words(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(job_id: str, attempt: int) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(loop.files, "store_results", gone)
    loop.queue(JOB)
    loop.turn()
    job = loop.manager.store.get(JOB)
    assert (job.state, job.reason) == (
        JobState.FAILED,
        "The server could not store the clip: No such file or directory.",
    )


@pytest.mark.parametrize("place", ["shots", "checkpoints", "uploads"])
def test_what_cannot_be_deleted_after_a_job_goes_at_the_next_housekeeping(
    loop: Loop, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    loop.queue(JOB)
    loop.files.checkpoints(JOB).mkdir()
    (loop.files.checkpoints(JOB) / "state").write_bytes(b"half")
    loop.files.upload(JOB).write_bytes(b"shot")
    with refused_first(FOREVER, loop.files.root / place):
        loop.turn()
        assert loop.state() is JobState.DONE
        assert loop.files.leftover == {JOB}
        loop.manager.tidy(loop.files.leftover)
    assert [path.name[: len(JOB)] for path in (loop.files.root / place).iterdir()] == [JOB]
    loop.manager.tidy(loop.files.leftover)
    assert loop.files.job_ids() == {JOB}, "the clip stays"
    assert [list((loop.files.root / other).iterdir()) for other in ("shots", "checkpoints", "uploads")] == [[], [], []]
    assert loop.files.leftover == set()
    assert caplog.text.count("not deleted yet") == 1


def test_a_start_bears_with_files_that_are_held(loop: Loop, tmp_path: Path) -> None:
    """What is left of a forgotten job does not keep the server from starting; the next job is safe from the tidying."""
    loop.files.upload(JOB).write_bytes(b"shot")
    with refused_first(FOREVER, tmp_path):
        reconcile(loop.manager)
    assert loop.files.leftover == {JOB}
    loop.manager.store.create(JOB, "anna", "0" * 64, 4, "copy", "", 1.0)
    loop.manager.tidy(loop.files.leftover)
    assert loop.files.received(JOB) == 4


def test_the_reserve_of_a_full_disk_can_be_held(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.keep_reserve(0)
    with refused_first(FOREVER, tmp_path):
        assert not disk.release_reserve()
    assert disk.release_reserve()
    assert not disk.release_reserve()


def test_the_imitated_refusal_is_the_one_of_windows() -> None:
    assert held_files.is_held(sharing_violation("clip.mp4"))
