"""Which jobs may be forgotten, and when. Unfetched results stay for their stated time even on a full disk."""

from __future__ import annotations

from dataclasses import dataclass

from blender_addon.core.protocol.messages import JobState

from .job_store import JobStore

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


SLICE = 8
"""Most jobs that are forgotten in one go: their rows are removed in one transaction, which the loop waits for."""


def expired(store: JobStore, now: float, retention: Retention, most: int = SLICE) -> list[str]:
    """Ids of jobs to forget now: those too old, and once there are none, fetched ones beyond `results_bytes`.

    What it costs does not depend on how many jobs there are.

    Args:
        store: the job records.
        now: seconds since the epoch.
        retention: the times and the size.
        most: how many at most; as many mean that there may be more.
    """
    gone = store.abandoned_uploads(now - retention.abandoned_upload, most)
    for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        for fetched in (False, True):
            unfetched_clip = state is JobState.DONE and not fetched
            before = now - (retention.unfetched if unfetched_clip else retention.fetched)
            gone += store.ended_before(state, fetched, before, most - len(gone))
    return gone or _beyond(store, retention.results_bytes, most)


def _beyond(store: JobStore, results_bytes: int, most: int) -> list[str]:
    """Ids of the fetched jobs that ended first, until the results of the others are within a size."""
    gone, size = list[str](), store.result_bytes
    for job_id, nbytes in store.oldest_fetched(most) if size > results_bytes else ():
        if size <= results_bytes:
            break
        gone.append(job_id)
        size -= nbytes
    return gone
