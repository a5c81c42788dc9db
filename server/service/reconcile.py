"""What a start does about the end before it: no job is lost, none is made twice, nothing half-made stays."""

from __future__ import annotations

from blender_addon.core.messages import JobState

from .job_book import JobBook
from .job_states import Cause

RESTARTED = "The server was restarted while this job ran."


def reconcile(book: JobBook) -> None:
    """Bring store and files together. Call before anything else runs."""
    store, files = book.store, book.files
    for job in store.in_states(JobState.UPLOADING):
        # Named but not yet committed: the shot is whole, because only one that was verified and read gets its name.
        if files.shot(job.job_id).exists():
            book.move(job, Cause.SHOT_STORED)
    for job in store.in_states(JobState.RUNNING, JobState.FINALIZING):
        manifest = files.finished_results(job.job_id) if job.state is JobState.FINALIZING else None
        if manifest is not None and manifest.attempt == job.attempt:
            book.move(job, Cause.RESULTS_STORED, results=manifest.results, engine_seconds=manifest.engine_seconds)
        else:
            book.move(job, Cause.SERVER_STOPPED, RESTARTED)
    for job_id in files.job_ids():
        known = store.find(job_id)
        if known is None or (known.state.final and known.state is not JobState.DONE):
            files.discard(job_id)
        elif known.state is JobState.DONE:
            files.discard_inputs(job_id)
        else:
            files.discard_work(job_id)
