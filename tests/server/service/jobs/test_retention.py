"""What is forgotten, and what is not; in how small steps, and that none of them reads the whole history."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.protocol.messages import JobState
from server.service.jobs.disk import promised
from server.service.jobs.forgetting import Forgetting
from server.service.jobs.job_files import AT_ONCE_BYTES, AT_ONCE_FILES, JobFiles
from server.service.jobs.job_manager import JobManager
from server.service.jobs.job_states import Cause
from server.service.jobs.job_store import JobStore
from server.service.jobs.retention import DAY, SLICE, Retention, expired
from tests.support.folders import memory_folder
from tests.support.network.simulated_wire import AtOnce
from tests.support.properties import examples
from tests.support.systems.jumping_clock import JumpingClock

NOW = 1_000 * DAY


class Kept(NamedTuple):
    """A job in the store. Times in days before NOW; 0 is never."""

    state: JobState = JobState.DONE
    finished: float = 0.0
    fetched: float = 0.0
    nbytes: int = 10
    submitted: float = 1.0

    def row(self, number: int) -> tuple[object, ...]:
        """For _INSERT."""
        finished, fetched = (NOW - days * DAY if days else 0.0 for days in (self.finished, self.fetched))
        results = self.nbytes if self.state is JobState.DONE else 0
        submitted = NOW - (self.finished or self.submitted) * DAY
        return f"job-{number:08d}", self.state.value, submitted, finished, fetched, results

    @property
    def too_old(self) -> bool:
        """The rule, for one job, with the times of a server that was told none."""
        if self.state is JobState.UPLOADING:
            return (self.finished or self.submitted) > 1
        if not self.state.final:
            return False
        if self.state is JobState.DONE and not self.fetched:
            return self.finished > 30
        return min(self.finished, self.fetched or self.finished) > 7


_INSERT = (
    "INSERT INTO jobs (job_id, owner, digest, nbytes, engine, title, state, submitted_at, finished_at, fetched_at,"
    " result_bytes) VALUES (?1, 'anna', '', 10, 'copy', '', ?2, ?3, ?4, ?5, ?6)"
)


@contextmanager
def store_of(jobs: Iterable[Kept], folder: Path | None = None) -> Iterator[JobStore]:
    """A store with these jobs, numbered in their order."""
    with memory_folder() as made:
        path = (folder or made) / "jobs.sqlite3"
        JobStore(path).close()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(_INSERT, [job.row(number) for number, job in enumerate(jobs)])
        store = JobStore(path)
        yield store
        store.close()


def all_expired(store: JobStore, retention: Retention) -> list[int]:
    """Numbers of the jobs that are forgotten, slice by slice, in order."""
    gone = list[int]()
    while ids := expired(store, NOW, retention):
        assert len(ids) <= SLICE
        store.forget(ids)
        gone += [int(job_id.removeprefix("job-")) for job_id in ids]
    return gone


def test_by_age() -> None:
    jobs = [
        Kept(finished=8, fetched=7.5),
        Kept(finished=20, fetched=6),
        Kept(finished=29),
        Kept(finished=31),
        Kept(JobState.FAILED, finished=8),
        Kept(JobState.UPLOADING, submitted=2),
        Kept(JobState.QUEUED, finished=100),
        Kept(JobState.RUNNING, finished=100),
    ]
    with store_of(jobs) as store:
        assert sorted(all_expired(store, Retention())) == [0, 3, 4, 5]


def test_by_size_the_oldest_fetched_go_first() -> None:
    with store_of([Kept(finished=n, fetched=n, nbytes=100 + n) for n in (1, 2, 3)]) as store:
        assert all_expired(store, Retention(results_bytes=250)) == [2]


jobs_strategy = st.lists(
    st.builds(
        Kept,
        state=st.sampled_from(JobState).filter(lambda state: state is not JobState.UNKNOWN),
        finished=st.sampled_from([0.5, 6.0, 8.0, 29.0, 31.0]),
        fetched=st.sampled_from([0.0, 0.05, 7.5]),
        nbytes=st.integers(1, 1000),
    ),
    max_size=40,
)


@given(jobs_strategy, st.integers(0, 5000))
@examples(60)
def test_the_store_chooses_by_the_rule_for_one_job_and_never_what_nobody_fetched_for_its_size(
    jobs: list[Kept], limit: int
) -> None:
    """However many slices it takes; the totals that the store keeps agree with its rows."""
    with store_of(jobs) as store:
        gone = all_expired(store, Retention(results_bytes=limit))
        kept = [job for number, job in enumerate(jobs) if number not in gone]
        assert not any(job.too_old for job in kept)
        for_size = [jobs[number] for number in gone if not jobs[number].too_old]
        assert all(job.state is JobState.DONE and job.fetched for job in for_size)
        results = sum(job.nbytes for job in kept if job.state is JobState.DONE)
        assert results == store.result_bytes
        assert results <= limit or not any(job.state is JobState.DONE and job.fetched for job in kept)
        assert not for_size or results + for_size[-1].nbytes > limit
        assert sum(store.counts().values()) == len(kept)


def test_a_turn_of_the_loop_forgets_a_slice_and_files_go_in_a_thread(tmp_path: Path) -> None:
    with store_of([Kept(finished=8, fetched=8) for _ in range(2 * SLICE + 1)], tmp_path) as store:
        manager = JobManager(store, JobFiles(tmp_path), lambda event: None)
        for number in range(2 * SLICE + 1):
            manager.files.result_folder(f"job-{number:08d}").mkdir()
        clock = JumpingClock()
        forgetting, left = Forgetting(manager, Retention(), clock), [store.counts()["done"]]
        forgetting.begin()
        while left[-1]:
            forgetting.step()
            left.append(store.counts().get("done", 0))
        forgetting.step()
        forgetting.close()
        assert max(before - after for before, after in itertools.pairwise(left)) == SLICE
        assert list(manager.files.results.iterdir()) == []
        manager.files.empty_trash()
        assert list(manager.files.trash.iterdir()) == []


def test_forgetting_takes_a_tenth_of_the_time_however_slow_the_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store_of([Kept(finished=8, fetched=8) for _ in range(2 * SLICE)], tmp_path) as store:
        manager, clock = JobManager(store, JobFiles(tmp_path), lambda event: None), JumpingClock()
        real = manager.forget

        def slowly(job_ids: Sequence[str], **how: bool) -> int:
            clock.seconds += 1.0
            return real(job_ids, **how)

        monkeypatch.setattr(manager, "forget", slowly)
        monkeypatch.setattr("server.service.jobs.forgetting.ThreadPoolExecutor", lambda **_: AtOnce())
        forgetting, left = Forgetting(manager, Retention(), clock), list[int]()
        forgetting.begin()
        for _ in range(10):
            forgetting.step()
            left.append(store.counts().get("done", 0))
            clock.seconds += 1.0
        forgetting.close()
    assert left == [SLICE] * 9 + [0]


def test_an_id_that_was_forgotten_is_free_while_its_files_are_still_being_deleted(tmp_path: Path) -> None:
    with store_of([Kept(finished=8, fetched=8)], tmp_path) as store:
        manager = JobManager(store, JobFiles(tmp_path), lambda event: None)
        manager.files.upload("job-00000000").write_bytes(b"of before")
        manager.forget(["job-00000000"])
        store.create("job-00000000", "anna", "", 3, "copy", "", 1.0)
        manager.files.append("job-00000000", 0, memoryview(b"new"))
        manager.files.empty_trash()
        assert manager.files.upload("job-00000000").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("nbytes", "frames", "waits"),
    [(AT_ONCE_BYTES, 1, False), (AT_ONCE_BYTES + 1, 1, True), (4, AT_ONCE_FILES + 1, True)],
    ids=["small", "a gigabyte", "many files"],
)
def test_what_takes_long_to_delete_is_gone_at_once_and_deleted_in_a_thread(
    nbytes: int, frames: int, waits: bool, tmp_path: Path
) -> None:
    """The loop, which ends the job, is not held up by its files."""
    with store_of([], tmp_path) as store:
        manager = JobManager(store, JobFiles(tmp_path), lambda event: None)
        files, job = manager.files, store.create("job-00000000", "anna", "", nbytes, "copy", "", 1.0)
        with files.payload(job.job_id).open("wb") as stream:
            stream.truncate(nbytes)
        files.work_folder(job.job_id, 1).mkdir()
        for number in range(frames):
            (files.work_folder(job.job_id, 1) / str(number)).touch()
        manager.move(job, Cause.CANCEL_REQUESTED)
        assert not files.payload(job.job_id).exists()
        assert not files.work_folder(job.job_id, 1).exists()
        assert bool(list(files.trash.iterdir())) is files.has_trash is waits
        forgetting = Forgetting(manager, Retention(), JumpingClock())
        forgetting.step()
        while list(files.trash.iterdir()):
            time.sleep(0.01)
        forgetting.close()
        assert job.job_id not in files.leftover


def test_what_is_promised_counts_uploads_and_clips() -> None:
    assert promised({"copy": 100 + 70}, 100 - 40, {}) == (100 - 40) + 100 + 70


def test_what_is_promised_counts_the_checkpoints_that_an_engine_says_it_keeps() -> None:
    assert promised({"copy": 100}, 0, {"copy": 0.3}) == 30 + 100, "one, and then the clip beside it"
    assert promised({"copy": 100}, 0, {"copy": 1.5}) == 150 + 150, "one, and the next, which is larger than the clip"
    assert promised({"copy": 100}, 0, {"another": 1.5}) == 100
