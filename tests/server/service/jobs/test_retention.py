"""What is forgotten, and what is not."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.protocol.messages import JobState
from server.service.jobs.disk import promised
from server.service.jobs.job_states import JobLifecycle
from server.service.jobs.job_store import Job
from server.service.jobs.retention import DAY, Retention, expired

NOW = 1_000 * DAY
NO_FILES = msgspec.msgpack.encode(())


def _job(state: JobState = JobState.DONE, finished: float = 0.0, fetched: float = 0.0, nbytes: int = 10) -> Job:
    """Times in days before NOW; 0 is never."""
    return Job(
        number=1,
        job_id=f"job-{state}-{finished}-{fetched}-{nbytes}",
        owner="anna",
        digest="0" * 64,
        nbytes=nbytes,
        engine="copy",
        title="",
        lifecycle=JobLifecycle(state),
        sequence=1,
        reason="",
        submitted_at=NOW - (finished or 1) * DAY,
        finished_at=NOW - finished * DAY if finished else 0.0,
        fetched_at=NOW - fetched * DAY if fetched else 0.0,
        engine_seconds=0.0,
        packed_results=NO_FILES,
        result_bytes=nbytes if state is JobState.DONE else 0,
    )


def test_by_age() -> None:
    policy = Retention()
    assert expired(lambda: [_job(finished=8, fetched=7.5)], NOW, policy)
    assert not expired(lambda: [_job(finished=20, fetched=6)], NOW, policy)
    assert not expired(lambda: [_job(finished=29)], NOW, policy)
    assert expired(lambda: [_job(finished=31)], NOW, policy)
    assert expired(lambda: [_job(JobState.FAILED, finished=8)], NOW, policy)
    assert expired(lambda: [replace(_job(JobState.UPLOADING), submitted_at=NOW - 2 * DAY)], NOW, policy)
    assert not expired(lambda: [_job(JobState.QUEUED, finished=100), _job(JobState.RUNNING, finished=100)], NOW, policy)


def test_by_size_the_oldest_fetched_go_first() -> None:
    jobs = [_job(finished=n, fetched=n, nbytes=100 + n) for n in (1, 2, 3)]
    gone = expired(lambda: jobs, NOW, Retention(results_bytes=250))
    assert gone == [jobs[2]]


jobs_strategy = st.lists(
    st.builds(
        _job,
        state=st.sampled_from(JobState),
        finished=st.floats(0.1, 29.0),
        fetched=st.sampled_from([0.0, 0.05]),
        nbytes=st.integers(1, 1000),
    ),
    max_size=20,
    unique_by=lambda job: job.job_id,
)


@given(jobs_strategy, st.integers(0, 5000))
def test_what_nobody_fetched_never_goes_for_its_size(jobs: list[Job], limit: int) -> None:
    gone = expired(lambda: jobs, NOW, Retention(results_bytes=limit))
    for job in gone:
        unfetched = job.state is JobState.DONE and not job.fetched_at
        assert not unfetched
        assert job.state not in (JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING)
    kept = [job for job in jobs if job not in gone]
    assert sum(job.result_bytes for job in kept) <= limit or not any(
        job.state is JobState.DONE and job.fetched_at for job in kept
    )


def test_what_is_promised_counts_uploads_and_clips() -> None:
    jobs = [_job(JobState.UPLOADING, nbytes=100), _job(JobState.QUEUED, nbytes=70)]
    assert promised(jobs, {jobs[0].job_id: 40}, {}) == (100 - 40) + 100 + 70


def test_what_is_promised_counts_the_checkpoints_that_an_engine_says_it_keeps() -> None:
    job = _job(JobState.RUNNING, nbytes=100)
    assert promised([job], {}, {job.engine: 0.3}) == 30 + 100, "one, and then the clip beside it"
    assert promised([job], {}, {job.engine: 1.5}) == 150 + 150, "one, and the next, which is larger than the clip"
    assert promised([job], {}, {"another": 1.5}) == 100
