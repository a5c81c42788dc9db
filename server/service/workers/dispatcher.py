"""Gives queued jobs to the worker, one at a time, and ends attempts that crash, hang or ignore a cancel."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from blender_addon.core.awake_clock import Clock
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.messages import JobState, Progress
from server.service.jobs.job_manager import JobManager
from server.service.jobs.job_states import Cause
from server.service.jobs.job_store import Job
from server.service.logs import LogFormat
from server.service.options import ServiceOptions
from server.service.wakeup import Wakeup

from . import worker_messages as pipe
from .circuit_breaker import CircuitBreaker
from .worker_process import OnWords, WorkerExit, WorkerProcess

log = logging.getLogger("realcam.dispatcher")

NewWorker = Callable[[str, LogFormat, OnWords], WorkerProcess]
"""Starts a worker; called with the engines' `module:function`, the log format and the listener for its messages."""

OnStep = Callable[[Progress, bytes], None]
"""Called with the running job's progress and its preview as an encoded picture, b"" for none."""

STOPPED = "The server was stopped while this job ran; it goes on when it is back."
"""The reason of a job that goes back to the queue because the server stops."""
STORE_AGAIN = 0.5
"""Seconds between two tries to store a finished clip that another program, or the disk, keeps from its place."""
QUICK_DEATHS = 3
"""Workers that may die one after another before any was ever ready; then the server gives up."""


@dataclass(frozen=True)
class _Outcome:
    """How an attempt ended, as it goes to the store.

    Attributes:
        stored: whether the results are in their place.
    """

    job: Job
    cause: Cause
    reason: str
    facts: dict[str, Any]
    stored: bool = False


@dataclass
class _Attempt:
    """The running job.

    Attributes:
        job: as it was last stored.
        last_step: when it last reported, seconds of the loop's clock.
        cancelled_at: when a cancel was passed on; None before.
        killed_because: why its worker is being killed or has given up, "" while neither.
        latest: its latest progress and preview.
    """

    job: Job
    last_step: float
    cancelled_at: float | None = None
    killed_because: str = ""
    latest: tuple[Progress, bytes] | None = None


class WorkerCannotStartError(Exception):
    """The worker dies again and again before it is ready, or there are no engines of the given name, as the message
    says.
    """


class Dispatcher:
    """Owns the worker process. Use from the loop's thread; call `tick` often.

    Args:
        manager: the jobs.
        options: the engines' name and the timeouts.
        wakeup: brings the worker's messages to the loop's thread.
        on_step: called with each step of the running job.
        clock: the loop's, which does not count the time in which the loop did not turn.
        new_worker: starts a worker.
    """

    def __init__(
        self,
        manager: JobManager,
        options: ServiceOptions,
        wakeup: Wakeup,
        on_step: OnStep,
        clock: Clock,
        new_worker: NewWorker = WorkerProcess,
    ) -> None:
        self._manager = manager
        self._options = options
        self._wakeup = wakeup
        self._new_worker = new_worker
        self._on_step = on_step
        self._clock = clock
        self._worker: WorkerProcess | None = None
        self._worker_started = 0.0
        self._ready = False
        self._heard = 0.0
        self._quick_deaths = 0
        self._attempt: _Attempt | None = None
        self._draining = False
        self._unsettled: deque[_Outcome] = deque()
        self._unstored: dict[str, _Outcome] = {}
        """Finished jobs by id whose results cannot be moved to their place yet. They stay FINALIZING, others go on."""
        self._store_again_at = 0.0
        self._waiting_for_room = ""
        self._circuit_breaker = CircuitBreaker(options.engine_rest)
        self._engines: tuple[EngineCapability, ...] | None = None
        self.worker_memory = 0

    @property
    def engines(self) -> tuple[EngineCapability, ...] | None:
        """What the worker's engines can do; None before it has said so."""
        return self._engines

    def engines_for(self, owner: str) -> tuple[EngineCapability, ...]:
        """What the engines can do for this client: those suspended for it are unavailable, with the reason."""
        return tuple(
            msgspec.structs.replace(engine, unavailable=engine.unavailable or self.why_suspended(engine.name, owner))
            for engine in self._engines or ()
        )

    def why_suspended(self, engine: str, owner: str) -> str:
        """Why this client cannot use an engine for now; "" when it can."""
        return self._circuit_breaker.why(engine, owner, self._clock())

    def suspended_engines(self) -> list[str]:
        """Engines that are suspended for some client or for all."""
        return self._circuit_breaker.engines(self._clock())

    @property
    def ready(self) -> bool:
        """Whether the worker takes jobs."""
        return self._ready

    @property
    def running(self) -> str:
        """Id of the running job; "" when none runs."""
        return self._attempt.job.job_id if self._attempt else ""

    def step_age(self) -> float | None:
        """Seconds since the running job's last step; None when no job runs."""
        return self._clock() - self._attempt.last_step if self._attempt else None

    def latest_progress(self, job_id: str) -> tuple[Progress, bytes] | None:
        """The latest progress and preview of the running job, for a client that begins to follow it; None for other
        jobs.
        """
        return self._attempt.latest if self._attempt and self._attempt.job.job_id == job_id else None

    def start(self) -> None:
        """Start the first worker, which loads its engines. `tick` starts another whenever it is lost."""
        self._start_worker(self._clock())

    def tick(self) -> None:
        """Start a worker or the next job where none runs, and end what takes too long.

        Raises:
            WorkerCannotStartError: no worker was ever ready and QUICK_DEATHS have died.
        """
        now = self._clock()
        if now >= self._store_again_at and not self._unsettled:
            self._store_again_at = now + STORE_AGAIN
            self._unsettled.extend(self._unstored.values())
        if not self._settle():
            return
        if self._worker is None:
            self._start_worker(now)
        elif not self._ready:
            if now - self._worker_started > self._options.worker_start_timeout:
                self._worker.kill()
        elif self._attempt is not None:
            self._watch(self._attempt, self._worker, now)
        elif not self._draining:
            self._start_next(self._worker)

    def cancel(self, job: Job) -> Job:
        """The job after its client's request to cancel it; a running one is passed on to the worker."""
        if job.state.final:
            return job
        job = self._manager.move(job, Cause.CANCEL_REQUESTED)
        if (waiting := self._unstored.get(job.job_id)) is not None:
            self._unstored[job.job_id] = replace(
                waiting, job=job, cause=Cause.ENGINE_STOPPED, reason="Cancelled.", facts={}
            )
            self._store_again_at = 0.0
        attempt = self._attempt
        if attempt and attempt.job.job_id == job.job_id and attempt.cancelled_at is None and self._worker:
            attempt.job = job
            attempt.cancelled_at = self._clock()
            self._worker.send(pipe.CancelJob(job_id=job.job_id, attempt=job.attempt))
        return job

    def drain(self) -> None:
        """Start no more jobs, and have an engine that can resume a job stop it at its next step."""
        self._draining = True
        if self._worker is not None:
            self._worker.send(pipe.Pause())

    def close(self) -> None:
        """End the worker; the job that it was running goes back to the queue."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close(5.0)
        if self._attempt is not None:
            self._end(self._attempt, Cause.SERVER_STOPPED, STOPPED)
        self._unsettled.extend(self._unstored.values())
        self._settle()

    def _start_worker(self, now: float) -> None:
        if self._quick_deaths >= QUICK_DEATHS and self._engines is None:
            raise WorkerCannotStartError
        if self._quick_deaths and now - self._heard < min(30.0, 0.5 * 2**self._quick_deaths):
            return
        self._ready = False
        self._heard = self._worker_started = now
        self._worker = self._new_worker(self._options.engines, self._options.log_format, self._post)

    def _post(self, worker: WorkerProcess, message: pipe.FromWorker | WorkerExit) -> None:
        self._wakeup.post(lambda: self._hear(worker, message))

    def _hear(self, worker: WorkerProcess, message: pipe.FromWorker | WorkerExit) -> None:
        """Handle one message of a worker, on the loop's thread. Messages of a worker that was replaced are ignored."""
        if worker is not self._worker:
            return
        self._heard = self._clock()
        if isinstance(message, WorkerExit):
            self._worker_gone(worker, message.reason)
        elif isinstance(message, pipe.Ready):
            self._ready = True
            self._quick_deaths = 0
            self._engines = message.engines
        elif isinstance(message, pipe.EnginesChanged):
            self._engines = message.engines
        elif isinstance(message, pipe.NoEngines):
            if self._engines is None:
                raise WorkerCannotStartError(message.reason)
            log.error("%s", message.reason)
        elif isinstance(message, pipe.Heartbeat):
            self.worker_memory = message.memory
        else:
            attempt = self._attempt
            if attempt and (message.job_id, message.attempt) == (attempt.job.job_id, attempt.job.attempt):
                self._hear_of_job(attempt, message)

    def _hear_of_job(
        self,
        attempt: _Attempt,
        message: pipe.Step | pipe.ClipMade | pipe.Finished | pipe.Stopped | pipe.Suspended | pipe.Failed,
    ) -> None:
        attempt.last_step = self._clock()
        if isinstance(message, pipe.Step):
            attempt.latest = (message.progress, message.preview)
            self._on_step(message.progress, message.preview)
        elif isinstance(message, pipe.ClipMade):
            try:
                attempt.job = self._manager.move(attempt.job, Cause.CLIP_MADE)
            except sqlite3.OperationalError as error:
                # `_settle` moves the job to FINALIZING when its results are stored.
                log.error("cannot be stored: %s", error, extra={"job": attempt.job.job_id})
        elif isinstance(message, pipe.Suspended):
            self._end(attempt, Cause.SERVER_STOPPED, STOPPED)
        elif isinstance(message, pipe.Finished):
            self._finish(attempt, message)
        elif isinstance(message, pipe.Stopped):
            self._end(attempt, Cause.ENGINE_STOPPED, "Cancelled.")
        elif message.broken:
            attempt.killed_because = message.reason
        else:
            self._end(attempt, Cause.ENGINE_FAILED, message.reason)

    def _finish(self, attempt: _Attempt, message: pipe.Finished) -> None:
        made = {"engine_seconds": message.engine_seconds, "clip_pixels": message.clip_pixels}
        self._end(attempt, Cause.RESULTS_STORED, "", results=message.results, **made)

    def _end(self, attempt: _Attempt, cause: Cause, reason: str, **facts: Any) -> None:
        """Record that this attempt is over, in the store now or as soon as its disk has room."""
        self._attempt = None
        if cause is not Cause.RESULTS_STORED:
            # Before the store is written: on a full disk this makes the room for it.
            self._manager.files.discard_work(attempt.job.job_id)
        self._unsettled.append(_Outcome(attempt.job, cause, reason, facts))
        self._settle()

    def _settle(self) -> bool:
        """Write the outcomes of ended attempts to the store, but for results that cannot be stored yet.

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
            self._count(job, outcome)
            log.info("%s %s", job.state.value, outcome.reason, extra={"job": job.job_id, "attempt": job.attempt})
        return True

    def _with_results(self, outcome: _Outcome) -> _Outcome | None:
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
                self._on_step(Progress.of(job.job_id, told), b"")
            self._unstored[job.job_id] = outcome
            return None
        self._unstored.pop(job.job_id, None)
        return replace(outcome, stored=True)

    def _count(self, job: Job, outcome: _Outcome) -> None:
        """Tell the circuit breaker how a job ended: it suspends an engine that lost its worker in several in a row."""
        if job.state is JobState.DONE:
            self._circuit_breaker.record_success(job.engine, job.owner)
        if outcome.cause is not Cause.WORKER_LOST or job.state is not JobState.FAILED:
            return
        if self._circuit_breaker.record_failure(job.engine, job.owner, outcome.reason, self._clock()):
            why = self.why_suspended(job.engine, job.owner)
            log.error("the engine is suspended: %s", why, extra={"engine": job.engine, "client": job.owner})

    def _worker_gone(self, worker: WorkerProcess, reason: str) -> None:
        worker.close(0.5)
        self._worker = None
        if not self._ready:
            self._quick_deaths += 1
            log.error("the worker could not start: %s", reason)
        attempt = self._attempt
        if attempt is not None:
            words = attempt.killed_because or f"The engine's process was lost: {reason}."
            self._end(attempt, Cause.WORKER_LOST, words)

    def _start_next(self, worker: WorkerProcess) -> None:
        waiting = (self._manager.store.get(job_id) for job_id in self._manager.queue())
        job = next((job for job in waiting if not self.why_suspended(job.engine, job.owner)), None)
        if job is None:
            return
        files = self._manager.files
        files.discard_work(job.job_id)
        try:
            job = self._manager.move(job, Cause.STARTED)
        except sqlite3.OperationalError as error:
            log.error("cannot be started: %s", error, extra={"job": job.job_id})
            return
        self._attempt = _Attempt(job, self._clock())
        log.info("running", extra={"job": job.job_id, "attempt": job.attempt, "engine": job.engine})
        worker.send(
            pipe.RunJob(
                job_id=job.job_id,
                attempt=job.attempt,
                engine=job.engine,
                payload=str(files.payload(job.job_id)),
                work=str(files.work_folder(job.job_id, job.attempt)),
                checkpoints=str(files.checkpoints(job.job_id)),
                limits=self._options.limits,
            )
        )

    def _watch(self, attempt: _Attempt, worker: WorkerProcess, now: float) -> None:
        if attempt.killed_because:
            return
        options = self._options
        if attempt.cancelled_at is not None and now - attempt.cancelled_at > options.cancel_grace:
            self._kill(attempt, worker, "Cancelled; the engine did not stop by itself and was ended.")
        elif now - attempt.last_step > options.step_timeout:
            self._kill(attempt, worker, f"The engine hung: no step for {now - attempt.last_step:.0f} s.")
        elif now - self._heard > options.heartbeat_timeout:
            self._kill(attempt, worker, f"The engine's process gave no sign of life for {now - self._heard:.0f} s.")

    def _kill(self, attempt: _Attempt, worker: WorkerProcess, reason: str) -> None:
        attempt.killed_because = reason
        worker.kill()
