"""The store: fenced, durable, migrated."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.messages import JobState, ResultFile
from server.service.jobs.job_record import Job
from server.service.jobs.job_schema import MIGRATIONS, SCHEMA_VERSION
from server.service.jobs.job_states import Cause, ImpossibleTransitionError
from server.service.jobs.job_store import JobStore, StaleJobError

DIGEST = "0" * 64


def _new(store: JobStore, job_id: str = "job-00000001", owner: str = "anna") -> Job:
    return store.create(job_id, owner, DIGEST, 10, "copy", "title", 1.0)


def _schema(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}


def test_a_life_is_kept_with_numbered_events(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    job = _new(store)
    results = (ResultFile(name="clip.mp4", nbytes=3, sha256=DIGEST),)
    for at, cause in enumerate((Cause.PAYLOAD_STORED, Cause.STARTED, Cause.CLIP_MADE), start=2):
        job = store.apply(job, cause, float(at))
    store.apply(job, Cause.RESULTS_STORED, 5.0, results=results, engine_seconds=2.5)
    store.close()

    again = JobStore(tmp_path / "jobs.sqlite3")
    job = again.get("job-00000001")
    assert (job.state, job.attempt, job.results, job.engine_seconds) == (JobState.DONE, 1, results, 2.5)
    assert job.result_bytes == 3
    events = again.events_after(job.job_id, 0)
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert [event.state.value for event in events] == ["uploading", "queued", "running", "finalizing", "done"]
    assert [event.sequence for event in again.events_after(job.job_id, 3)] == [4, 5]
    again.close()


def test_what_a_client_was_promised_is_synced_and_no_more(
    tmp_path: Path, connections: list[sqlite3.Connection]
) -> None:
    """By what each commit is told. A loss of power may take a submission without payload, that a clip was made which is
    not stored yet, and the mark of a fetch."""
    store, synced = JobStore(tmp_path / "jobs.sqlite3"), list[str]()
    connections[0].set_trace_callback(lambda said: synced.append(said) if said.startswith("PRAGMA") else None)
    job = _new(store)
    store.note_fetched(job.job_id, 2.0)
    for cause in (Cause.PAYLOAD_STORED, Cause.STARTED, Cause.CLIP_MADE, Cause.RESULTS_STORED):
        job = store.apply(job, cause, 2.0)
    store.forget([job.job_id], at_once=False)
    store.forget([job.job_id])
    lazily, at_once = "PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"
    assert synced == [lazily, lazily, at_once, at_once, lazily, at_once, lazily, at_once]
    store.close()


def test_an_attempt_that_was_given_up_changes_nothing(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    queued = store.apply(_new(store), Cause.PAYLOAD_STORED, 2.0)
    first = store.apply(queued, Cause.STARTED, 3.0)
    requeued = store.apply(first, Cause.WORKER_LOST, 4.0, "gone")
    second = store.apply(requeued, Cause.STARTED, 5.0)
    with pytest.raises(StaleJobError):
        store.apply(first, Cause.CLIP_MADE, 6.0)
    with pytest.raises(StaleJobError):
        store.apply(queued, Cause.STARTED, 6.0)
    assert store.get(second.job_id) == second
    assert len(store.events_after(second.job_id, 0)) == second.sequence == 5
    store.close()


def test_jobs_of_several_states_come_oldest_first(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    for number in range(4):
        job = _new(store, f"job-0000000{number}")
        if number in (0, 2):
            store.apply(job, Cause.PAYLOAD_STORED, 2.0)
    assert [job.job_id[-1] for job in store.in_states(JobState.UPLOADING, JobState.QUEUED)] == ["0", "1", "2", "3"]
    store.close()


def test_an_impossible_cause_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    job = _new(store)
    with pytest.raises(ImpossibleTransitionError):
        store.apply(job, Cause.RESULTS_STORED, 2.0)
    assert store.get(job.job_id) == job
    store.close()


def test_two_servers_cannot_share_a_store(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    _new(store)
    with pytest.raises(ServiceError, match="Another server may be using"):
        JobStore(tmp_path / "jobs.sqlite3")
    store.close()


def test_a_store_of_the_first_version_learns_how_large_its_clips_are(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    files = (
        ResultFile(name="clip.mp4", nbytes=3, sha256=DIGEST),
        ResultFile(name="depth.npz", nbytes=4, sha256=DIGEST),
    )
    with sqlite3.connect(path) as connection:
        connection.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
        connection.execute(
            "INSERT INTO jobs (job_id, owner, digest, nbytes, engine, title, state, submitted_at, results)"
            " VALUES ('job-00000001', 'anna', '', 10, 'copy', '', 'done', 1.0, ?)",
            (msgspec.msgpack.encode(files),),
        )
    connection.close()
    store = JobStore(path)
    job = store.get("job-00000001")
    assert (job.results, job.result_bytes) == (files, 7)
    assert (store.counts(), store.result_bytes) == ({"done": 1}, 7)
    assert _new(store, "job-00000002").result_bytes == 0
    store.close()
    JobStore(tmp_path / "new.sqlite3").close()
    assert _schema(path) == _schema(tmp_path / "new.sqlite3")


def test_a_store_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    JobStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(ServiceError, match="later version"):
        JobStore(path)


def test_a_file_that_is_no_store_is_said(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    path.write_bytes(b"this is not a database at all" * 100)
    # A new store beside the old results would have them removed at its start (reconcile in job_manager.py).
    with pytest.raises(ServiceError, match=r"damaged.* Move the whole data folder away"):
        JobStore(path)
