"""Gives queued jobs to workers, one at a time to each, and ends attempts that crash, hang or ignore a cancel."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from blender_addon.core.awake_clock import Clock
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.messages import JobState, Progress
from blender_addon.core.protocol.worker_stats import WorkerStats
from server.service.jobs.job_manager import JobManager
from server.service.jobs.job_record import Job
from server.service.jobs.job_states import Cause
from server.service.options import ServiceOptions

from . import worker_messages as pipe
from .circuit_breaker import CircuitBreaker
from .executor import Executor, JobMessage, WorkerLost, WorkerNow, WorkerState
from .outcomes import CANCELLED, Outcome, Outcomes
from .picking import assigned
from .placing import lanes, takers, why_none

log = logging.getLogger("realcam.dispatcher")

OnStep = Callable[[Progress, bytes], None]
"""Called with a running job's progress and its preview as an encoded picture, b"" for none."""

STOPPED = "The server was stopped while this job ran; it goes on when it is back."
"""The reason of a job that goes back to the queue because the server stops."""
DRAINED = "Its worker was taken out of use while this job ran; it goes on with another."
"""The reason of a job that goes back to the queue because its worker was drained."""
MAINTENANCE = "The workers that take this job are out of use for maintenance; it waits."
"""Why a job waits whose workers are all drained."""
DRAIN_GRACE = 60.0
"""Seconds that an engine has for its next step and a checkpoint once its worker is to be free; then it is ended."""
LOOK_AGAIN = 0.5
"""Seconds after which waiting jobs are looked at again though no job has changed: an engine is no longer suspended."""
WANTED_MOST = 64
"""Most waiting jobs that are told to the executor as wanting a worker."""


@dataclass
class _Attempt:
    """A running job.

    Attributes:
        job: as it was last stored.
        worker: name of its worker.
        last_step: when it last reported, seconds of the loop's clock.
        cancelled_at: when a cancel was passed on; None before.
        paused_at: when its worker was to be free; None before.
        killed_because: why its worker is being killed or has given up, "" while neither.
        killed_as: what the worker's end then is to the job.
        latest: its latest progress and preview.
    """

    job: Job
    worker: str
    last_step: float
    cancelled_at: float | None = None
    paused_at: float | None = None
    killed_because: str = ""
    killed_as: Cause = Cause.WORKER_LOST
    latest: tuple[Progress, bytes] | None = None


class Dispatcher:
    """Says which job runs where. Use from the loop's thread; call `tick` often.

    Args:
        manager: the jobs.
        options: the timeouts.
        on_step: called with each step of a running job.
        clock: the loop's, which does not count the time in which the loop did not turn.
        executor: runs the attempts.
    """

    def __init__(
        self, manager: JobManager, options: ServiceOptions, on_step: OnStep, clock: Clock, executor: Executor
    ) -> None:
        self._manager = manager
        self._options = options
        self._on_step = on_step
        self._clock = clock
        self._executor = executor
        executor.listen(self._hear)
        self._attempts: dict[str, _Attempt] = {}
        """By the name of their worker."""
        self._draining = False
        self._outcomes = Outcomes(manager, on_step, self._count, clock)
        self._circuit_breaker = CircuitBreaker(options.engine_rest)
        self._passed: set[str] = set()
        """Jobs that have let another one pass, see picking.py."""
        self._looked: tuple[object, ...] = ()
        """What the queues and the workers were when waiting jobs were last looked at."""
        self._looked_at = 0.0

    @property
    def engines(self) -> tuple[EngineCapability, ...] | None:
        """What the engines can do; None before that is known."""
        return self._executor.engines

    def engines_for(self, owner: str) -> tuple[EngineCapability, ...]:
        """What the engines can do for this client: those suspended for it are unavailable, with the reason."""
        return tuple(
            msgspec.structs.replace(engine, unavailable=engine.unavailable or self.why_suspended(engine.name, owner))
            for engine in self.engines or ()
        )

    def why_suspended(self, engine: str, owner: str) -> str:
        """Why this client cannot use an engine for now; "" when it can."""
        return self._circuit_breaker.why(engine, owner, self._clock())

    def suspended_engines(self) -> list[str]:
        """Engines that are suspended for some client or for all."""
        return self._circuit_breaker.engines(self._clock())

    def workers(self) -> tuple[WorkerNow, ...]:
        """The workers at this moment."""
        return tuple(self._executor.workers())

    @property
    def ready(self) -> bool:
        """Whether any worker takes jobs."""
        return any(worker.state is WorkerState.READY for worker in self._executor.workers())

    @property
    def worker_memory(self) -> int:
        """Resident bytes of all workers."""
        return sum(worker.memory for worker in self._executor.workers())

    @property
    def running(self) -> str:
        """Id of the job that has run longest of those that run; "" when none does."""
        return next((attempt.job.job_id for attempt in self._attempts.values()), "")

    def step_age(self) -> float | None:
        """Seconds since the last step of the running job whose last step is oldest; None when no job runs."""
        now = self._clock()
        return max((now - attempt.last_step for attempt in self._attempts.values()), default=None)

    def latest_progress(self, job_id: str) -> tuple[Progress, bytes] | None:
        """The latest progress and preview of a running job, for a client that begins to follow it; None for other
        jobs.
        """
        attempt = self._attempt_of(job_id)
        return attempt.latest if attempt else None

    def _attempt_of(self, job_id: str) -> _Attempt | None:
        return next((attempt for attempt in self._attempts.values() if attempt.job.job_id == job_id), None)

    def tick(self) -> None:
        """Start jobs on workers that run none, and end what takes too long.

        Raises:
            WorkerCannotStartError: there will be no workers.
        """
        if not self._outcomes.try_again():
            return
        workers = self.workers()
        now = self._clock()
        for worker in workers:
            if (attempt := self._attempts.get(worker.place.name)) is not None:
                self._watch(attempt, worker, now)
        if not self._draining:
            self._start_waiting(workers, now)
        # After jobs were given out: a worker that has been idle for long may rest now.
        self._executor.tick()

    def cancel(self, job: Job) -> Job:
        """The job after its client's request to cancel it; a running one is passed on to its worker."""
        if job.state.final:
            return job
        job = self._manager.move(job, Cause.CANCEL_REQUESTED)
        self._outcomes.cancel(job)
        attempt = self._attempt_of(job.job_id)
        if attempt and attempt.cancelled_at is None:
            attempt.job = job
            attempt.cancelled_at = self._clock()
            self._executor.cancel(attempt.worker, pipe.CancelJob(job_id=job.job_id, attempt=job.attempt))
        return job

    def drain(self) -> None:
        """Start no more jobs, and have engines that can resume a job stop it at its next step."""
        self._draining = True
        self._executor.pause()

    def drain_worker(self, name: str, *, free_now: bool) -> tuple[str, ...]:
        """Take a worker, or all workers of a node, out of use. Call it again from time to time, see Executor.drain.

        Args:
            name: of the worker or the node.
            free_now: have running jobs stop at a checkpoint and go on elsewhere; else they go to their end.

        Returns:
            The names of these workers.
        """
        names = self._executor.drain(name, pause=free_now)
        for worker in names if free_now else ():
            attempt = self._attempts.get(worker)
            if attempt is not None and attempt.paused_at is None:
                attempt.paused_at = self._clock()
        return names

    def undrain_worker(self, name: str) -> tuple[str, ...]:
        """Use again what was taken out of use; the names of these workers. What still runs there goes on."""
        names = self._executor.undrain(name)
        for worker in names:
            if (attempt := self._attempts.get(worker)) is not None:
                attempt.paused_at = None
        return names

    def why_no_worker(self, engine: str) -> str:
        """Why an engine's jobs wait whatever runs: all workers that take them are drained, or none takes them, or
        all are out of reach; "" otherwise.
        """
        if self._executor.trouble:
            return f"{self._executor.trouble} It waits."
        workers = self.workers()
        needs, places = self._executor.needs.get(engine), [worker.place for worker in workers]
        if needs is not None and (lack := why_none(needs, places)):
            return f"No worker takes this job: {lack}. It waits."
        drained = {worker.place.name for worker in workers if worker.draining}
        taking = {place.name for place in (places if needs is None else takers(needs, places))}
        return MAINTENANCE if taking and taking <= drained else ""

    def worker_stats(self, owner: str | None) -> tuple[WorkerStats, ...]:
        """What each worker does.

        Args:
            owner: the client that is told: of the jobs it learns the ids of its own; None for the server's operator.
        """
        now = self._clock()
        return tuple(self._worker_stats(worker, owner, now) for worker in self.workers())

    def _worker_stats(self, worker: WorkerNow, owner: str | None, now: float) -> WorkerStats:
        attempt = self._attempts.get(worker.place.name)
        told = attempt is not None and owner in (None, attempt.job.owner)
        return WorkerStats(
            name=worker.place.name,
            node=worker.place.node,
            kind=worker.place.kind.value,
            cards=tuple(card.name for card in worker.place.cards),
            state=worker.state.value,
            engine=attempt.job.engine if attempt is not None else worker.engine,
            memory=worker.memory,
            busy=attempt is not None,
            job_id=attempt.job.job_id if attempt is not None and told else "",
            step_age=now - attempt.last_step if attempt is not None else None,
            draining=worker.draining,
        )

    def close(self) -> None:
        """End the workers; the jobs that they were running go back to the queue."""
        self._executor.close()
        for attempt in tuple(self._attempts.values()):
            self._end(attempt, Cause.SERVER_STOPPED, STOPPED)
        self._outcomes.close()

    def _hear(self, worker: str, message: JobMessage | WorkerLost) -> None:
        """Handle what a worker says of its attempt, on the loop's thread. What is not of this attempt is ignored."""
        attempt = self._attempts.get(worker)
        if attempt is None:
            return
        if isinstance(message, WorkerLost):
            words = attempt.killed_because or f"The engine's process was lost: {message.reason}."
            self._end(attempt, attempt.killed_as, words)
        elif (message.job_id, message.attempt) == (attempt.job.job_id, attempt.job.attempt):
            self._hear_of_job(attempt, message)

    def _hear_of_job(self, attempt: _Attempt, message: JobMessage) -> None:
        attempt.last_step = self._clock()
        if isinstance(message, pipe.Step):
            attempt.latest = (message.progress, message.preview)
            self._on_step(message.progress, message.preview)
        elif isinstance(message, pipe.ClipMade):
            try:
                attempt.job = self._manager.move(attempt.job, Cause.CLIP_MADE)
            except sqlite3.OperationalError as error:
                # The outcome moves the job to FINALIZING when its results are stored.
                log.error("cannot be stored: %s", error, extra={"job": attempt.job.job_id})
        elif isinstance(message, pipe.Suspended):
            self._end(attempt, Cause.SERVER_STOPPED, STOPPED if self._draining else DRAINED)
        elif isinstance(message, pipe.Finished):
            made = {"engine_seconds": message.engine_seconds, "clip_pixels": message.clip_pixels}
            self._end(attempt, Cause.RESULTS_STORED, "", results=message.results, **made)
        elif isinstance(message, pipe.Stopped):
            self._end(attempt, Cause.ENGINE_STOPPED, CANCELLED)
        elif message.broken:
            attempt.killed_because = message.reason
        else:
            self._end(attempt, Cause.ENGINE_FAILED, message.reason)

    def _end(self, attempt: _Attempt, cause: Cause, reason: str, **facts: Any) -> None:
        """Record that this attempt is over, in the store now or as soon as its disk has room."""
        del self._attempts[attempt.worker]
        if cause is Cause.SERVER_STOPPED and attempt.cancelled_at is not None:
            # It does not go on anywhere.
            reason = CANCELLED
        if cause is not Cause.RESULTS_STORED:
            # Before the store is written: on a full disk this makes the room for it.
            self._manager.files.discard_work(attempt.job.job_id)
        self._outcomes.add(Outcome(attempt.job, cause, reason, facts))

    def _count(self, job: Job, outcome: Outcome) -> None:
        """Tell the circuit breaker how a job ended: it suspends an engine that lost its worker in several in a row."""
        if job.state is JobState.DONE:
            self._circuit_breaker.record_success(job.engine, job.owner)
        if outcome.cause is not Cause.WORKER_LOST or job.state is not JobState.FAILED:
            return
        if self._circuit_breaker.record_failure(job.engine, job.owner, outcome.reason, self._clock()):
            why = self.why_suspended(job.engine, job.owner)
            log.error("the engine is suspended: %s", why, extra={"engine": job.engine, "client": job.owner})

    def _start_waiting(self, workers: tuple[WorkerNow, ...], now: float) -> None:
        """Start the jobs that free workers take, and have the executor wake workers for the others."""
        free = {
            worker.place.name: worker.engine
            for worker in workers
            if worker.state is WorkerState.READY and not worker.draining and worker.place.name not in self._attempts
        }
        look = (self._manager.changes, free, [(worker.place, worker.state) for worker in workers])
        if look == self._looked and now - self._looked_at < LOOK_AGAIN:
            return
        self._looked, self._looked_at = look, now
        places = [worker.place for worker in workers]
        needs = self._executor.needs
        queue = self._manager.fair_queue
        queue.lanes = lanes(needs, places)
        # So many of each engine that those which start, and those which wake workers, are among them.
        first = queue.first(len(free) + WANTED_MOST, lambda engine, owner: bool(self.why_suspended(engine, owner)))
        picked = assigned(first, free, needs, places, self._passed)
        for waiting, name in picked.starts:
            self._start(self._manager.store.get(waiting.job_id), name)
        # Of those that have started or ended meanwhile nothing is kept.
        self._passed = {job_id for job_id in self._passed | picked.passed if job_id in queue}
        self._executor.want([needs[job.engine] for job in picked.left[:WANTED_MOST] if job.engine in needs])

    def _start(self, job: Job, worker: str) -> None:
        files = self._manager.files
        files.discard_work(job.job_id)
        try:
            job = self._manager.move(job, Cause.STARTED)
        except sqlite3.OperationalError as error:
            log.error("cannot be started: %s", error, extra={"job": job.job_id})
            return
        self._attempts[worker] = _Attempt(job, worker, self._clock())
        about = {"job": job.job_id, "attempt": job.attempt, "engine": job.engine, "worker": worker}
        log.info("running", extra=about)
        self._executor.run(
            worker,
            pipe.RunJob(
                job_id=job.job_id,
                attempt=job.attempt,
                engine=job.engine,
                payload=str(files.payload(job.job_id)),
                work=str(files.work_folder(job.job_id, job.attempt)),
                checkpoints=str(files.checkpoints(job.job_id)),
                limits=self._options.limits,
            ),
        )

    def _watch(self, attempt: _Attempt, worker: WorkerNow, now: float) -> None:
        if attempt.killed_because:
            return
        options = self._options
        if attempt.cancelled_at is not None and now - attempt.cancelled_at > options.cancel_grace:
            self._kill(attempt, "Cancelled; the engine did not stop by itself and was ended.")
        elif attempt.paused_at is not None and now - attempt.paused_at > DRAIN_GRACE:
            attempt.killed_as = Cause.SERVER_STOPPED
            self._kill(attempt, DRAINED)
        elif now - attempt.last_step > options.step_timeout:
            self._kill(attempt, f"The engine hung: no step for {now - attempt.last_step:.0f} s.")
        elif worker.silence > options.heartbeat_timeout:
            self._kill(attempt, f"The engine's process gave no sign of life for {worker.silence:.0f} s.")

    def _kill(self, attempt: _Attempt, reason: str) -> None:
        attempt.killed_because = reason
        self._executor.end(attempt.worker)
