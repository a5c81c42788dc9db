"""Writes how attempts ended to the store, and again and again where its disk, or another program, does not let it."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from blender_addon.core.awake_clock import Clock
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.messages import JobState, Progress
from server.service.jobs.job_manager import JobManager
from server.service.jobs.job_record import Job
from server.service.jobs.job_states import Cause

log = logging.getLogger("realcam.dispatcher")

CANCELLED = "Cancelled."
"""The reason of a job that its client has stopped."""
STORE_AGAIN = 0.5
"""Seconds between two tries to store a finished clip that another program, or the disk, keeps from its place."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, as it goes to the store.

    Attributes:
        job: as it was last stored.
        cause: what happened to it.
        reason: the same for the user, in words.
        facts: what JobManager.move takes besides.
        stored: whether the results are in their place.
    """

    job: Job
    cause: Cause
    reason: str
    facts: dict[str, Any]
    stored: bool = False


class Outcomes:
    """The outcomes that are not written yet. Use from the loop's thread.

    Args:
        manager: the jobs.
        tell: tells a job's followers its progress: that its clip cannot be stored yet.
        written: called with each job as it was written, and its outcome.
        clock: the loop's.
    """

    def __init__(
        self,
        manager: JobManager,
        tell: Callable[[Progress, bytes], None],
        written: Callable[[Job, Outcome], None],
        clock: Clock,
    ) -> None:
        self._manager = manager
        self._tell = tell
        self._written = written
        self._clock = clock
        self._unsettled: deque[Outcome] = deque()
        self._unstored: dict[str, Outcome] = {}
        """Finished jobs by id whose results cannot be moved to their place yet. They stay FINALIZING, others go on."""
        self._store_again_at = 0.0
        self._waiting_for_room = ""

    def add(self, outcome: Outcome) -> None:
        """Write an outcome now, or as soon as the disk has room."""
        self._unsettled.append(outcome)
        self.settle()

    def cancel(self, job: Job) -> None:
        """Have a job whose clip cannot be stored yet end without it. Nothing happens to any other, but that the
        outcome which waits for the disk does not undo the cancel.
        """
        self._unsettled = deque(
            replace(outcome, job=job) if outcome.job.job_id == job.job_id else outcome for outcome in self._unsettled
        )
        if (waiting := self._unstored.get(job.job_id)) is not None:
            self._unstored[job.job_id] = replace(
                waiting, job=job, cause=Cause.ENGINE_STOPPED, reason=CANCELLED, facts={}
            )
            self._store_again_at = 0.0

    def try_again(self) -> bool:
        """Write what could not be written before, every clip at most once in STORE_AGAIN seconds.

        Returns:
            As `settle`.
        """
        now = self._clock()
        if now >= self._store_again_at and not self._unsettled:
            self._store_again_at = now + STORE_AGAIN
            self._unsettled.extend(self._unstored.values())
        return self.settle()

    def close(self) -> None:
        """Write what can be written for the last time."""
        self._unsettled.extend(self._unstored.values())
        self.settle()

    def settle(self) -> bool:
        """Write the outcomes to the store, but for results that cannot be stored yet.

        Returns:
            Whether all are written; False while the disk is full.
        """
        while self._unsettled:
            outcome = self._with_results(self._unsettled[0])
            if outcome is None:
                self._unsettled.popleft()
                continue
            self._unsettled[0] = outcome
            try:
                if outcome.cause is Cause.RESULTS_STORED and outcome.job.state is JobState.RUNNING:
                    outcome = replace(outcome, job=self._manager.move(outcome.job, Cause.CLIP_MADE))
                    self._unsettled[0] = outcome
                job = self._manager.move(outcome.job, outcome.cause, outcome.reason, **outcome.facts)
            except sqlite3.OperationalError as error:
                if self._waiting_for_room != outcome.job.job_id:
                    log.error(
                        "cannot be stored: %s; tried again until it can", error, extra={"job": outcome.job.job_id}
                    )
                    self._waiting_for_room = outcome.job.job_id
                return False
            self._waiting_for_room = ""
            self._unsettled.popleft()
            self._written(job, outcome)
            log.info("%s %s", job.state.value, outcome.reason, extra={"job": job.job_id, "attempt": job.attempt})
        return True

    def _with_results(self, outcome: Outcome) -> Outcome | None:
        """The outcome with its results in their place, or as a failure when they are gone; None: to be tried again."""
        job = outcome.job
        # A cancel that came meanwhile is in the one that waits.
        outcome = self._unstored.get(job.job_id, outcome)
        if outcome.cause is not Cause.RESULTS_STORED or outcome.stored:
            self._unstored.pop(job.job_id, None)
            return outcome
        try:
            self._manager.files.store_results(job.job_id, job.attempt)
        except FileNotFoundError as error:
            self._unstored.pop(job.job_id, None)
            reason = f"The server could not store the clip: {error.strerror}."
            return replace(outcome, cause=Cause.ENGINE_FAILED, reason=reason, facts={})
        except OSError as error:
            if job.job_id not in self._unstored:
                log.error("the clip cannot be stored: %s; tried again until it can", error, extra={"job": job.job_id})
                told = JobProgress(0, 0, f"cannot be stored yet: {error.strerror}", attempt=job.attempt)
                self._tell(Progress.of(job.job_id, told), b"")
            self._unstored[job.job_id] = outcome
            return None
        self._unstored.pop(job.job_id, None)
        return replace(outcome, stored=True)
