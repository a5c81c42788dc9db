"""The service's one way to change a job: the change is in the store when the call returns, and listeners are told of
it.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from blender_addon.core.held_files import patiently
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.messages import JobState, JobStatus, StateEvent

from .disk import Disk, promised
from .fair_queue import FairQueue, Waiting
from .job_files import JobFiles, Manifest
from .job_record import Job
from .job_states import Cause, ImpossibleTransitionError
from .job_store import JobStore, StaleJobError

log = logging.getLogger("realcam.jobs")

T = TypeVar("T")

OnEvent = Callable[[StateEvent], None]


class JobManager:
    """The store and the files of all jobs, and the order of the queue. Use from the loop's thread.

    Args:
        store: the job records.
        files: the jobs' inputs and results.
        on_event: called with every change of state, once it is on disk.

    Attributes:
        fair_queue: those that are queued; the dispatcher says which engines share a queue.
        changes: how many changes of jobs there were since the start.
    """

    def __init__(self, store: JobStore, files: JobFiles, on_event: OnEvent) -> None:
        self.store = store
        self.files = files
        self.disk = Disk(files.root)
        self._on_event = on_event
        self.fair_queue = FairQueue()
        self.fair_queue.fill(map(Waiting._make, store.waiting()))
        self.changes = 0

    def move(self, job: Job, cause: Cause, reason: str = "", **facts: Any) -> Job:
        """The job after `cause`, stored; its events are sent and the inputs of a job that has ended are deleted.

        On a full disk the disk's reserve is released once and the store is tried again.

        Args:
            job: the job as the caller last saw it.
            cause: what happened to it.
            reason: the same for the user, in words.
            **facts: `results`, `engine_seconds` and `clip_pixels`, as for JobStore.apply.

        Raises:
            ImpossibleTransitionError: the cause cannot happen to a job in its state.
            StaleJobError: the stored job is in another state or attempt than `job`.
            sqlite3.OperationalError: the disk is full and the reserve was released before.
        """
        moved = self._with_reserve(lambda: self.store.apply(job, cause, time.time(), reason, **facts))
        self._tell(job, cause, moved)
        return moved

    def move_together(self, changes: Sequence[tuple[Job, Cause, str]]) -> list[Job | Exception]:
        """What `move` returns for each of several jobs, or why it cannot be moved; the disk is waited for once.

        Args:
            changes: of each (the job as the caller last saw it, what happened to it, the same for the user in words).

        Returns:
            In their order: the job, or an ImpossibleTransitionError, a StaleJobError or a sqlite3.OperationalError.
        """
        alone, ends = len(changes) == 1, list[Job | Exception]()
        for job, cause, reason in changes:
            apply = partial(self.store.apply, job, cause, time.time(), reason, at_once=alone)
            try:
                ends.append(self._with_reserve(apply))
            except (ImpossibleTransitionError, StaleJobError, sqlite3.OperationalError) as error:
                ends.append(error)
        if len(changes) > 1:
            try:
                self._with_reserve(self.store.sync)
            except sqlite3.OperationalError as error:
                for (job, _, _), end in zip(changes, ends, strict=True):
                    if isinstance(end, Job):
                        self._note(job, end)
                return [error if isinstance(end, Job) else end for end in ends]
        for (job, cause, _), end in zip(changes, ends, strict=True):
            if isinstance(end, Job):
                self._tell(job, cause, end)
        return ends

    def _with_reserve(self, write: Callable[[], T]) -> T:
        """What `write` returns; on a full disk the reserve is released once and it is tried again."""
        try:
            return write()
        except sqlite3.OperationalError:
            if not self.disk.release_reserve():
                raise
            return write()

    def _tell(self, job: Job, cause: Cause, moved: Job) -> None:
        """Do what follows a change that is stored: its events are sent, the inputs of a job that has ended deleted."""
        self._note(job, moved)
        if cause is Cause.STARTED:
            self.fair_queue.note_started(job.engine, job.owner)
        if moved.state.final:
            self.files.discard_inputs(job.job_id)
        if moved.sequence != job.sequence:
            for event in self.store.events_after(job.job_id, job.sequence):
                self._on_event(event)

    def _note(self, job: Job, moved: Job) -> None:
        """Have the queue hold a job that has come into it, and no longer one that has left it."""
        self.changes += 1
        if moved.state is JobState.QUEUED:
            if job.state is not JobState.QUEUED:
                self.fair_queue.add(Waiting(moved.number, moved.job_id, moved.owner, moved.engine))
        else:
            self.fair_queue.remove(moved.job_id)

    def queue(self) -> list[str]:
        """Ids of queued jobs, one queue after another, each in the order in which its jobs will run."""
        return [job.job_id for jobs in self.fair_queue.in_order().values() for job in jobs]

    def placed(self, job_ids: Iterable[str]) -> Iterator[tuple[Waiting, int]]:
        """Each of these jobs that is queued, with the number of jobs before it in its own queue; running ones count."""
        running = Counter(
            self.fair_queue.lane(job.engine) for job in self.store.in_states(JobState.RUNNING, JobState.FINALIZING)
        )
        for job, place in self.fair_queue.places(job_ids):
            yield job, place + running[self.fair_queue.lane(job.engine)]

    def places(self, job_ids: Iterable[str]) -> dict[str, int]:
        """The number of jobs before each of these that is queued, by its id, as of `placed`."""
        return {job.job_id: place for job, place in self.placed(job_ids)}

    def status(self, job: Job) -> JobStatus:
        """The job's status as it goes over the wire, with the bytes received and its place in the queue."""
        received = self.files.received(job.job_id) if job.state is JobState.UPLOADING else job.nbytes
        place = self.places([job.job_id]).get(job.job_id, 0) if job.state is JobState.QUEUED else 0
        return job.status(received, place)

    def promised_bytes(self, engines: Iterable[EngineCapability]) -> int:
        """The bytes that accepted jobs may still write with these engines."""
        missing = sum(nbytes - self.files.received(job_id) for job_id, nbytes in self.store.uploading())
        shares = {engine.name: engine.checkpoint_share for engine in engines}
        return promised(self.store.unfinished_bytes(), missing, shares)

    def forget(self, job_ids: Sequence[str], *, at_once: bool = True) -> int:
        """Remove jobs; their files are set aside, to be deleted by `JobFiles.empty_trash`.

        Args:
            job_ids: which jobs.
            at_once: as for JobStore.forget: False for those that would be forgotten again.

        Returns:
            The bytes of results that were removed.
        """
        if not job_ids:
            return 0
        freed = self.store.forget(job_ids, at_once=at_once)
        self.changes += 1
        for job_id in job_ids:
            self.fair_queue.remove(job_id)
            self.files.set_aside(job_id)
        return freed

    def tidy(self, job_ids: Iterable[str]) -> None:
        """Delete the files that jobs no longer need, and all files of jobs that ended without a clip or are unknown.

        Those of a job that runs are left alone. What another program holds stays in `files.leftover`.
        """
        for job_id in tuple(job_ids):
            job = self.store.find(job_id)
            if job is None or (job.state.final and job.state is not JobState.DONE):
                self.files.discard(job_id)
            elif job.state is JobState.DONE:
                self.files.discard_inputs(job_id)
            elif job.state not in (JobState.RUNNING, JobState.FINALIZING):
                self.files.discard_work(job_id)


RESTARTED = "The server was restarted while this job ran."
"""The reason given for a job that was running when the server ended."""


def reconcile(manager: JobManager) -> None:
    """Make the store and the files agree after a start: the server may have ended between any two writes.

    Call before anything else runs.
    """
    store, files = manager.store, manager.files
    for job in store.in_states(JobState.UPLOADING):
        # Renamed but not yet in the store: it is complete, because only a verified and decoded payload gets this name.
        if files.payload(job.job_id).exists():
            manager.move(job, Cause.PAYLOAD_STORED)
    for job in store.in_states(JobState.RUNNING, JobState.FINALIZING):
        manifest = _finished(files, job) if job.state is JobState.FINALIZING else None
        if manifest is not None:
            manager.move(job, Cause.RESULTS_STORED, **manifest.facts)
        else:
            manager.move(job, Cause.SERVER_STOPPED, RESTARTED)
    inputs = files.input_ids()
    # Of a long history nothing is left but results: a look at each record, none at its files.
    manager.tidy(inputs | {job_id for job_id in files.job_ids() - inputs if not store.is_done(job_id)})


def _finished(files: JobFiles, job: Job) -> Manifest | None:
    """The manifest of the whole results of a job's attempt, stored now where they were not; None without such."""
    stored = files.finished_results(job.job_id)
    if stored is not None and stored.attempt == job.attempt:
        return stored
    made = files.finished_work(job.job_id, job.attempt)
    if made is None or job.lifecycle.cancel_requested:
        return None
    try:
        patiently(lambda: files.store_results(job.job_id, job.attempt))
    except OSError as error:
        log.warning("the clip cannot be stored, it is made again: %s", error, extra={"job": job.job_id})
        return None
    return made
