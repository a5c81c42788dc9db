"""What a server does while it runs costs the same however many jobs it has had: no query reads them all, no object of
an ended job stays in memory.
"""

from __future__ import annotations

import gc
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator

import pytest

from blender_addon.core.protocol.messages import JobState, ResultFile
from server.service.jobs.engine_pace import with_paces
from server.service.jobs.job_files import JobFiles
from server.service.jobs.job_manager import JobManager
from server.service.jobs.job_states import Cause
from server.service.jobs.job_store import JobStore
from server.service.jobs.retention import Retention, expired
from tests.support.folders import memory_folder
from tests.support.servers import new_id

SHOT = b"a shot"
RESULTS = (ResultFile(name="clip.mp4", nbytes=4, sha256="1" * 64),)


@pytest.fixture
def manager(connections: list[sqlite3.Connection]) -> Iterator[JobManager]:
    """Without jobs."""
    with memory_folder() as folder:
        yield (manager := JobManager(JobStore(folder / "jobs.sqlite3"), JobFiles(folder), lambda event: None))
        manager.store.close()


def bring(manager: JobManager, end: Cause = Cause.RESULTS_STORED) -> None:
    """One job, from its submission until it was fetched, with all that the server looks up on the way."""
    store, files = manager.store, manager.files
    job_id = new_id()
    assert store.find(job_id) is None
    assert store.unfinished_of("anna") == 0
    manager.promised_bytes(())
    job = store.create(job_id, "anna", hashlib.sha256(SHOT).hexdigest(), len(SHOT), "copy", "", 1.0)
    manager.forget(store.ended_without_clip("anna", beyond=1000))
    manager.status(job)
    files.append(job_id, 0, memoryview(SHOT))
    files.store_payload(job_id)
    job = manager.move(job, Cause.PAYLOAD_STORED)
    assert manager.status(job).queue_place == 0
    assert list(manager.places([job_id])) == manager.queue() == [job_id]
    for cause in (Cause.STARTED, Cause.CLIP_MADE):
        job = manager.move(job, cause)
    job = manager.move(job, end, results=RESULTS if end is Cause.RESULTS_STORED else (), clip_pixels=1)
    store.events_after(job_id, 0)
    store.note_fetched(job_id, 2.0)
    store.of_owner("anna", 200)
    store.latest_clips("copy", 5)
    store.counts()


def test_the_queue_is_read_once(manager: JobManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager.store, "waiting", lambda: pytest.fail("it was read again"))
    bring(manager)


def test_no_query_reads_all_jobs(manager: JobManager, connections: list[sqlite3.Connection]) -> None:
    """By SQLite's own plans of every statement that a job's way takes, of retention and of a prune."""
    statements = set[str]()
    connections[0].set_trace_callback(statements.add)
    bring(manager)
    bring(manager, Cause.ENGINE_FAILED)
    expired(manager.store, 0.0, Retention(results_bytes=0))
    manager.store.in_states(*(state for state in JobState if not state.final))
    manager.store.prunable("anna", 3.0, False, 10)
    with_paces((), manager.store)
    connections[0].set_trace_callback(None)
    plans = {
        statement: [step for *_, step in connections[0].execute(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in statements
        if statement.startswith(("SELECT", "UPDATE", "DELETE"))
    }
    assert len(plans) >= 20
    for statement, steps in plans.items():
        for step in steps:
            assert " USING " in step or not step.startswith("SCAN"), f"{statement}: {step}"
            assert "ORDER BY" not in step, f"sorted in memory: {statement}"


def test_memory_does_not_grow_with_the_jobs_that_have_ended(manager: JobManager) -> None:
    def grown_by(jobs: int) -> Counter[type]:
        for _ in range(jobs):
            bring(manager)
        gc.collect()
        return Counter(type(thing) for thing in gc.get_objects())

    before = grown_by(60)  # caches of a fixed size are full then
    grown = grown_by(60) - before
    assert not [kind for kind, count in grown.items() if count >= 60], "one of a kind for each job is kept"
    assert not [kind for kind in grown if kind.__module__.startswith(("server.", "blender_addon."))]
