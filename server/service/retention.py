"""Which jobs may be forgotten, and when: pure. What nobody fetched stays for the stated time whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blender_addon.core.messages import JobState

from .job_store import Job

DAY = 86_400.0


@dataclass(frozen=True)
class Retention:
    """Seconds after which a job is forgotten, and bytes of results above which fetched ones go sooner."""

    fetched: float = 7 * DAY
    unfetched: float = 30 * DAY
    abandoned_upload: float = 1 * DAY
    results_bytes: int = 50_000_000_000


def expired(jobs: Sequence[Job], now: float, retention: Retention) -> list[Job]:
    """Jobs to forget: too old, and then, oldest first, fetched ones until the rest is within `results_bytes`."""
    gone = [job for job in jobs if _too_old(job, now, retention)]
    forgotten = {job.job_id for job in gone}
    kept = [job for job in jobs if job.job_id not in forgotten]
    size = sum(result_bytes(job) for job in kept)
    for job in sorted(kept, key=lambda job: job.finished_at):
        if size <= retention.results_bytes:
            break
        if job.state is JobState.DONE and job.fetched_at:
            gone.append(job)
            size -= result_bytes(job)
    return gone


def result_bytes(job: Job) -> int:
    """What a job's results take on disk."""
    return sum(file.nbytes for file in job.results)


def _too_old(job: Job, now: float, retention: Retention) -> bool:
    if job.state is JobState.UPLOADING:
        return now - job.submitted_at > retention.abandoned_upload
    if not job.state.final:
        return False
    if job.state is JobState.DONE and not job.fetched_at:
        return now - job.finished_at > retention.unfetched
    return now - max(job.fetched_at, job.finished_at) > retention.fetched
