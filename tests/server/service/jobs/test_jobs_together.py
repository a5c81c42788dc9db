"""Several jobs that are stored with one wait for the disk: nobody is told of one before all are on it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from blender_addon.core.protocol.messages import JobState
from server.service.jobs.job_files import JobFiles
from server.service.jobs.job_manager import JobManager
from server.service.jobs.job_record import Job
from server.service.jobs.job_states import Cause, ImpossibleTransitionError
from server.service.jobs.job_store import JobStore

STORED = Cause.PAYLOAD_STORED


def test_uploads_that_end_together_are_synced_once_and_told_then(
    tmp_path: Path, connections: list[sqlite3.Connection]
) -> None:
    log = list[str]()
    manager = JobManager(
        JobStore(tmp_path / "jobs.sqlite3"), JobFiles(tmp_path), lambda event: log.append(f"told {event.job_id[-1]}")
    )
    jobs = [manager.store.create(f"job-0000000{n}", "anna", "0" * 64, 4, "copy", "", 1.0) for n in range(4)]
    manager.move(jobs[1], Cause.CANCEL_REQUESTED)
    log.clear()
    connections[0].set_trace_callback(lambda said: log.append(said) if said.startswith("PRAGMA sync") else None)
    gone, refused, *stored = manager.move_together(
        [
            (jobs[1], STORED, ""),
            (jobs[3], Cause.PAYLOAD_REFUSED, "no shot"),
            (jobs[0], STORED, ""),
            (jobs[2], STORED, ""),
        ]
    )
    connections[0].set_trace_callback(None)
    assert not isinstance(gone, Job)
    assert isinstance(refused, Job)
    assert (refused.state, refused.reason) == (JobState.FAILED, "no shot")
    assert [job.state for job in stored if isinstance(job, Job)] == [JobState.QUEUED] * 2
    lazily, at_once = "PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"
    assert log == [*[lazily] * 4, at_once, "told 3", "told 0", "told 2"]
    manager.store.close()


def test_a_full_disk_at_the_end_tells_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[str]()
    manager = JobManager(
        JobStore(tmp_path / "jobs.sqlite3"), JobFiles(tmp_path), lambda event: told.append(event.job_id)
    )
    jobs = [manager.store.create(f"job-0000000{n}", "anna", "0" * 64, 4, "copy", "", 1.0) for n in range(2)]
    done = manager.store.apply(manager.store.get(jobs[1].job_id), Cause.CANCEL_REQUESTED, 2.0)

    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(manager.store, "sync", full)
    first, second = manager.move_together([(jobs[0], STORED, ""), (done, STORED, "")])
    assert isinstance(first, sqlite3.OperationalError)
    assert isinstance(second, ImpossibleTransitionError)
    assert told == []
    assert manager.queue() == [jobs[0].job_id], "it is accepted all the same once its client asks again"
    manager.store.close()
