"""Which jobs may be forgotten, and when: pure. Unfetched results stay for their stated time even on a full disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from blender_addon.core.protocol.messages import JobState

from .job_store import Job

DAY = 86_400.0


@dataclass(frozen=True)
class Retention:
    """How long jobs are kept.

    Attributes:
        fetched: seconds after which a job that was fetched, failed or was cancelled is forgotten.
        unfetched: seconds after which a finished job that nobody fetched is forgotten.
        abandoned_upload: seconds after which an unfinished upload is forgotten.
        results_bytes: size of all results above which fetched ones are forgotten sooner.
    """

    fetched: float = 7 * DAY
    unfetched: float = 30 * DAY
    abandoned_upload: float = 1 * DAY
    results_bytes: int = 50_000_000_000


def expired(jobs: Callable[[], Iterable[Job]], now: float, retention: Retention) -> list[Job]:
    """The jobs to forget: those too old, then the oldest fetched ones until the rest is within `results_bytes`.

    Args:
        jobs: returns all jobs that may be forgotten, one at a time, whenever it is called; they are not held in memory
            together.
        now: seconds since the epoch.
        retention: the times and the size.
    """
    gone, size = list[Job](), 0
    for job in jobs():
        if _too_old(job, now, retention):
            gone.append(job)
        else:
            size += job.result_bytes
    if size <= retention.results_bytes:
        return gone
    fetched = (j for j in jobs() if j.state is JobState.DONE and j.fetched_at and not _too_old(j, now, retention))
    for job in sorted(fetched, key=lambda job: job.finished_at):
        if size <= retention.results_bytes:
            break
        gone.append(job)
        size -= job.result_bytes
    return gone


def _too_old(job: Job, now: float, retention: Retention) -> bool:
    if job.state is JobState.UPLOADING:
        return now - job.submitted_at > retention.abandoned_upload
    if not job.state.final:
        return False
    if job.state is JobState.DONE and not job.fetched_at:
        return now - job.finished_at > retention.unfetched
    return now - max(job.fetched_at, job.finished_at) > retention.fetched
