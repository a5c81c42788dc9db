"""Brings queued jobs to the worker, one at a time, and ends attempts that crash, hang or do not heed a cancel."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from blender_addon.core.messages import JobState, Progress
from blender_addon.core.shot import EngineCapability

from . import worker_messages as pipe
from .job_book import JobBook
from .job_states import Cause
from .job_store import Job
from .options import ServiceOptions
from .wakeup import Wakeup
from .worker_process import WorkerExit, WorkerProcess

log = logging.getLogger("realcam.dispatcher")

OnProgress = Callable[[Progress, bytes], None]

QUICK_DEATHS = 3
"""Workers that may die before they were ready, one after another, until the server gives up."""


@dataclass
class _Attempt:
    """The running job, and when it last showed life (monotonic seconds)."""

    job: Job
    last_step: float
    cancelled_at: float | None = None
    killed_because: str = ""
    latest: tuple[Progress, bytes] | None = None


class WorkerCannotStartError(Exception):
    """The worker dies before it is ready, again and again."""


class Dispatcher:
    """Owns the worker process. Use from the loop's thread; `tick` often.

    on_progress is told of each step; on_engines when the worker has said which engines there are.
    """

    def __init__(
        self,
        book: JobBook,
        options: ServiceOptions,
        wakeup: Wakeup,
        on_progress: OnProgress,
        on_engines: Callable[[], None],
    ) -> None:
        self._book = book
        self._options = options
        self._wakeup = wakeup
        self._on_progress = on_progress
        self._on_engines = on_engines
        self._worker: WorkerProcess | None = None
        self._ready = False
        self._heard = 0.0
        self._quick_deaths = 0
        self._attempt: _Attempt | None = None
        self._draining = False
        self.engines: tuple[EngineCapability, ...] | None = None
        self.worker_memory = 0

    @property
    def running(self) -> str:
        """Id of the running job, or "" ."""
        return self._attempt.job.job_id if self._attempt else ""

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, if there is one."""
        return self._worker.pid if self._worker else None

    def step_age(self, now: float) -> float | None:
        """Seconds since the running job's last step; None when idle."""
        return now - self._attempt.last_step if self._attempt else None

    def latest_progress(self, job_id: str) -> tuple[Progress, bytes] | None:
        """What a follower that comes late should see at once."""
        return self._attempt.latest if self._attempt and self._attempt.job.job_id == job_id else None

    def tick(self) -> None:
        """Start what should run, end what should not. Raises WorkerCannotStartError."""
        now = time.monotonic()
        if self._worker is None:
            self._start_worker(now)
        elif not self._ready:
            if now - self._worker.started > self._options.worker_start_timeout:
                self._worker.kill()
        elif self._attempt is not None:
            self._watch(self._attempt, self._worker, now)
        elif not self._draining:
            self._start_next(self._worker)

    def cancel(self, job: Job) -> Job:
        """The artist wants this job stopped."""
        if job.state.final:
            return job
        job = self._book.move(job, Cause.CANCEL_WISHED)
        attempt = self._attempt
        if attempt and attempt.job.job_id == job.job_id and attempt.cancelled_at is None and self._worker:
            attempt.job = job
            attempt.cancelled_at = time.monotonic()
            self._worker.send(pipe.CancelJob(job_id=job.job_id, attempt=job.attempt))
        return job

    def drain(self) -> None:
        """Start nothing more."""
        self._draining = True

    def close(self) -> None:
        """End the worker; a job it was running goes back to the queue."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close(5.0)
        if self._attempt is not None:
            self._book.move(self._attempt.job, Cause.SERVER_STOPPED, "The server was stopped while this job ran.")
            self._attempt = None

    def _start_worker(self, now: float) -> None:
        if self._quick_deaths >= QUICK_DEATHS:
            raise WorkerCannotStartError
        self._ready = False
        self._heard = now
        self._worker = WorkerProcess(self._options.engines, self._post)

    def _post(self, worker: WorkerProcess, message: pipe.FromWorker | WorkerExit) -> None:
        self._wakeup.post(lambda: self._hear(worker, message))

    def _hear(self, worker: WorkerProcess, message: pipe.FromWorker | WorkerExit) -> None:
        """One message, on the loop's thread. What a worker says that was given up is not listened to."""
        if worker is not self._worker:
            return
        self._heard = time.monotonic()
        if isinstance(message, WorkerExit):
            self._worker_gone(worker, message.reason)
        elif isinstance(message, pipe.Ready):
            self._ready = True
            self._quick_deaths = 0
            self.engines = message.engines
            self._on_engines()
        elif isinstance(message, pipe.Heartbeat):
            self.worker_memory = message.memory
        else:
            attempt = self._attempt
            if attempt and (message.job_id, message.attempt) == (attempt.job.job_id, attempt.job.attempt):
                self._hear_of_job(attempt, message)

    def _hear_of_job(
        self, attempt: _Attempt, message: pipe.Step | pipe.ClipMade | pipe.Finished | pipe.Stopped | pipe.Failed
    ) -> None:
        attempt.last_step = time.monotonic()
        if isinstance(message, pipe.Step):
            progress = Progress(
                job_id=message.job_id,
                attempt=message.attempt,
                step=message.step,
                steps=message.steps,
                stage=message.stage,
                seconds_left=message.seconds_left,
                has_preview=bool(message.preview),
            )
            attempt.latest = (progress, message.preview)
            self._on_progress(progress, message.preview)
        elif isinstance(message, pipe.ClipMade):
            attempt.job = self._book.move(attempt.job, Cause.CLIP_MADE)
        elif isinstance(message, pipe.Finished):
            self._finish(attempt, message)
        elif isinstance(message, pipe.Stopped):
            self._end(attempt, Cause.ENGINE_STOPPED, "Cancelled.")
        elif message.broken:
            attempt.killed_because = message.reason
        else:
            self._end(attempt, Cause.ENGINE_FAILED, message.reason)

    def _finish(self, attempt: _Attempt, message: pipe.Finished) -> None:
        job = attempt.job
        if job.state is not JobState.FINALIZING:
            return
        try:
            self._book.files.store_results(job.job_id, job.attempt)
        except OSError as error:
            self._end(attempt, Cause.ENGINE_FAILED, f"The server could not store the clip: {error.strerror}.")
            return
        self._attempt = None
        self._book.move(job, Cause.RESULTS_STORED, results=message.results, engine_seconds=message.engine_seconds)
        log.info("job %s done in %.2f s", job.job_id, message.engine_seconds, extra={"job": job.job_id})

    def _end(self, attempt: _Attempt, cause: Cause, reason: str) -> None:
        self._attempt = None
        job = self._book.move(attempt.job, cause, reason)
        log.info("job %s is %s: %s", job.job_id, job.state.value, reason, extra={"job": job.job_id})

    def _worker_gone(self, worker: WorkerProcess, reason: str) -> None:
        worker.close(0.5)
        self._worker = None
        if not self._ready:
            self._quick_deaths += 1
            log.error("the worker could not start: %s", reason)
        attempt = self._attempt
        if attempt is not None:
            words = attempt.killed_because or f"The engine's process was lost: {reason}."
            self._book.files.discard_work(attempt.job.job_id)
            self._end(attempt, Cause.WORKER_LOST, words)

    def _start_next(self, worker: WorkerProcess) -> None:
        order = self._book.queue()
        if not order:
            return
        job = self._book.store.get(order[0])
        files = self._book.files
        files.discard_work(job.job_id)
        job = self._book.move(job, Cause.STARTED)
        self._attempt = _Attempt(job, time.monotonic())
        worker.send(
            pipe.RunJob(
                job_id=job.job_id,
                attempt=job.attempt,
                engine=job.engine,
                shot=str(files.shot(job.job_id)),
                work=str(files.work_folder(job.job_id, job.attempt)),
                checkpoints=str(files.checkpoints(job.job_id)),
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
