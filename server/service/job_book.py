"""Jobs as the rest of the service sees them: a change goes through here, is on disk when it returns, and is told."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from blender_addon.core.messages import JobState, JobStatus, StateEvent
from blender_addon.core.shot import EngineCapability

from .disk import Disk, promised
from .fair_queue import Waiting, turns
from .job_files import JobFiles
from .job_states import Cause
from .job_store import Job, JobStore

OnEvent = Callable[[StateEvent], None]


class JobBook:
    """Store and files of all jobs, and the queue's order. Use from the loop's thread."""

    def __init__(self, store: JobStore, files: JobFiles) -> None:
        self.store = store
        self.files = files
        self.disk = Disk(files.root)
        self.on_event: OnEvent = lambda event: None
        self._served: list[str] = []

    def move(self, job: Job, cause: Cause, reason: str = "", **facts: Any) -> Job:
        """JobStore.apply, then tell and tidy. Raises as it does; a full disk costs the reserve first."""
        try:
            moved = self.store.apply(job, cause, time.time(), reason, **facts)
        except sqlite3.OperationalError:
            if not self.disk.drop_ballast():
                raise
            moved = self.store.apply(job, cause, time.time(), reason, **facts)
        if cause is Cause.STARTED:
            self._served = [owner for owner in self._served if owner != job.owner] + [job.owner]
        if moved.state.final:
            self.files.discard_inputs(job.job_id)
        if moved.sequence != job.sequence:
            for event in self.store.events_after(job.job_id, job.sequence):
                self.on_event(event)
        return moved

    def queue(self) -> list[str]:
        """Ids of queued jobs in the order they will run."""
        queued = self.store.in_states(JobState.QUEUED)
        return turns([Waiting(job.number, job.job_id, job.owner) for job in queued], self._served)

    def places(self) -> dict[str, int]:
        """Jobs before each queued one, the running one included."""
        running = len(self.store.in_states(JobState.RUNNING, JobState.FINALIZING))
        return {job_id: place + running for place, job_id in enumerate(self.queue())}

    def status(self, job: Job) -> JobStatus:
        """The job as the wire tells it, with its place in the queue."""
        received = self.files.received(job.job_id) if job.state is JobState.UPLOADING else job.nbytes
        place = self.places().get(job.job_id, 0) if job.state is JobState.QUEUED else 0
        return job.status(received, place)

    def promised_bytes(self, engines: Iterable[EngineCapability]) -> int:
        """What accepted jobs will still write with these engines."""
        open_jobs = self.store.in_states(JobState.UPLOADING, JobState.QUEUED, JobState.RUNNING, JobState.FINALIZING)
        uploading = [job.job_id for job in open_jobs if job.state is JobState.UPLOADING]
        received = {job_id: self.files.received(job_id) for job_id in uploading}
        return promised(open_jobs, received, {engine.name: engine.checkpoint_share for engine in engines})

    def forget(self, jobs: Sequence[Job]) -> int:
        """Remove jobs with all their files. Returns the bytes of results that went."""
        if not jobs:
            return 0
        self.store.forget([job.job_id for job in jobs])
        for job in jobs:
            self.files.discard(job.job_id)
        return sum(job.result_bytes for job in jobs)
