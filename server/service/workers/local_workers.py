"""The executor of a server that stands alone: a process of this machine for each worker."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from blender_addon.core.awake_clock import Clock
from blender_addon.core.protocol.capability import EngineCapability
from server.engines.engine import EngineNeeds
from server.service.logs import LogFormat
from server.service.options import ServiceOptions
from server.service.wakeup import Wakeup

from . import worker_messages as pipe
from .executor import JobMessage, Listener, WorkerCannotStartError, WorkerKind, WorkerLost, WorkerNow, WorkerPlace
from .executor import WorkerState as State
from .placing import takers, why_none, woken
from .worker_process import OnWords, RunningWorker, WorkerExit, WorkerProcess

log = logging.getLogger("realcam.workers")

NewWorker = Callable[[str, LogFormat, OnWords, str | None], RunningWorker]
"""Starts a worker process; called with the engines' `module:function`, the log format, the listener for its messages,
and the cards that it may see.
"""

QUICK_DEATHS = 3
"""Processes of a worker that may die one after another before any was ever ready; then it is not waited for."""
LAST_WORDS = (pipe.Finished, pipe.Stopped, pipe.Suspended, pipe.Failed)
"""Messages that end an attempt."""


@dataclass(eq=False)
class _Worker:
    """A worker and its process.

    Attributes:
        place: what it is.
        stands_by: whether it has a process also while no job waits for it.
        cards: the CUDA_VISIBLE_DEVICES of its process; None for that of the server.
        new: starts its process; None for the way of all.
        speaks_first: whether it starts once without a job, to say what its engines can do.
        speak_by: until when the server waits for it to say what its engines can do, seconds of the loop's clock.
        process: None while it has none.
        started: when that was, seconds of the loop's clock.
        heard: when it last said something.
        ready: whether it takes jobs.
        quick_deaths: how many processes one after another died before they were ready.
        told: what its engines can do, as it said last; None before.
        wanted: whether jobs wait for it.
        draining: whether it is to get no jobs.
        paused: whether its process was told to pause, which a process is told once, or has suspended a job.
        resting: whether its process is being ended because it was idle.
        running: whether it runs an attempt.
        used: whether its process has run any.
        idle_since: when the last of them ended.
        engine: the engine whose network its process may hold.
        memory: resident bytes.
    """

    place: WorkerPlace
    stands_by: bool
    cards: str | None = None
    new: NewWorker | None = None
    speaks_first: bool = False
    speak_by: float = math.inf
    process: RunningWorker | None = None
    started: float = 0.0
    heard: float = 0.0
    ready: bool = False
    quick_deaths: int = 0
    told: tuple[EngineCapability, ...] | None = None
    wanted: bool = False
    draining: bool = False
    paused: bool = False
    resting: bool = False
    running: bool = False
    used: bool = False
    idle_since: float = 0.0
    engine: str = ""
    memory: int = 0

    def silent_at_start(self, now: float) -> bool:
        """Whether it is still to say what its engines can do, and may yet do so."""
        starts = self.stands_by or self.speaks_first or self.process is not None
        return starts and self.told is None and self.quick_deaths < QUICK_DEATHS and now < self.speak_by

    def forget_process(self) -> None:
        """Note that its process is gone."""
        self.process = None
        self.ready = self.paused = self.resting = self.running = self.used = False
        self.engine, self.memory = "", 0


@dataclass
class _Known:
    """What is known of the engines."""

    engines: tuple[EngineCapability, ...] | None = None
    needs: dict[str, EngineNeeds] = field(default_factory=dict)


class LocalWorkers:
    """An Executor. Use from the loop's thread.

    Args:
        options: the engines' name and the timeouts.
        places: the workers, each with the CUDA_VISIBLE_DEVICES of its process, None for that of the server.
        wakeup: brings the workers' messages to the loop's thread.
        clock: the loop's, which does not count the time in which the loop did not turn.
        new_worker: starts a process.
    """

    def __init__(
        self,
        options: ServiceOptions,
        places: Mapping[WorkerPlace, str | None],
        wakeup: Wakeup,
        clock: Clock,
        new_worker: NewWorker = WorkerProcess,
    ) -> None:
        self._options = options
        self._wakeup = wakeup
        self._clock = clock
        self._new_worker = new_worker
        self._stopping = False
        all_heavy = all(place.kind is WorkerKind.HEAVY for place in places)
        self._workers = {
            # A worker for networks alone starts with its first job: most servers on a processor never have one.
            place.name: _Worker(place, all_heavy or place.kind is not WorkerKind.HEAVY, cards)
            for place, cards in places.items()
        }
        self._listener: Listener = lambda worker, message: None
        self._known = _Known()
        self.cards_to_come = False
        """Whether workers with cards may be added: engines that no worker takes are not unavailable then."""

    def assume(self, engines: tuple[EngineCapability, ...], needs: Mapping[str, EngineNeeds]) -> None:
        """Take the engines to be what an earlier server knew, until workers say what they are."""
        self._known.engines, self._known.needs = engines, dict(needs)

    def add(
        self,
        place: WorkerPlace,
        new_worker: NewWorker,
        *,
        stands_by: bool,
        speak_by: float = math.inf,
        asleep: bool = False,
    ) -> None:
        """Have one worker more.

        Args:
            place: what it is; no other one has its name.
            new_worker: starts its process.
            stands_by: whether it has a process also while no job waits for it.
            speak_by: until when the server waits for what its engines can do, seconds of the loop's clock.
            asleep: whether it starts only with its first job; else at once, to say what its engines can do.
        """
        self._workers[place.name] = _Worker(
            place, stands_by, new=new_worker, speaks_first=not asleep, speak_by=speak_by
        )

    def remove(self, name: str, reason: str) -> None:
        """Have a worker no longer; its attempt, if it runs one, is lost.

        Args:
            name: the worker's.
            reason: see WorkerLost.
        """
        worker = self._workers.pop(name)
        process, worker.process = worker.process, None
        if process is not None:
            process.close(0.0)
            self._listener(name, WorkerLost(reason))
        if any(other.told for other in self._workers.values()):
            self._work_out_engines()

    def listen(self, listener: Listener) -> None:
        """See Executor."""
        self._listener = listener

    @property
    def engines(self) -> tuple[EngineCapability, ...] | None:
        """See Executor."""
        return self._known.engines

    @property
    def needs(self) -> Mapping[str, EngineNeeds]:
        """See Executor."""
        return self._known.needs

    @property
    def trouble(self) -> str:
        """See Executor."""
        return ""

    def workers(self) -> Sequence[WorkerNow]:
        """See Executor."""
        now = self._clock()
        return [
            WorkerNow(
                place=worker.place,
                state=State.READY if worker.ready else State.STARTING if worker.process else State.ASLEEP,
                engine=worker.engine,
                draining=worker.draining or self._is_to_end(worker),
                silence=now - worker.heard if worker.process else 0.0,
                memory=worker.memory,
            )
            for worker in self._workers.values()
        ]

    def tick(self) -> None:
        """See Executor."""
        if self._known.engines is None:
            standing_by = [worker for worker in self._workers.values() if worker.stands_by]
            if standing_by and all(worker.quick_deaths >= QUICK_DEATHS for worker in standing_by):
                raise WorkerCannotStartError
            if any(worker.told for worker in self._workers.values()):
                self._work_out_engines()
        now = self._clock()
        for worker in self._workers.values():
            if worker.process is None:
                # Even one that is out of use says once what its engines can do: clients are welcomed only then.
                needed = worker.speaks_first and self._known.engines is None
                if (
                    needed
                    or worker.silent_at_start(now)
                    or ((worker.stands_by or worker.wanted) and not worker.draining)
                ):
                    self._start(worker, now)
            elif not worker.ready:
                if not worker.resting and now - worker.started > self._options.worker_start_timeout:
                    worker.process.kill()
            elif self._may_rest(worker, now):
                self._rest(worker)

    def want(self, needs: Sequence[EngineNeeds]) -> None:
        """See Executor."""
        able = [worker for worker in self._workers.values() if not worker.draining]
        asleep = [worker.place for worker in able if worker.process is None]
        starting = [worker.place for worker in able if worker.process is not None and not worker.ready]
        others = [worker.place for worker in self._workers.values() if worker.draining or worker.ready]
        names = woken(needs, asleep, starting, others)
        for worker in able:
            worker.wanted = worker.place.name in names

    def run(self, worker: str, order: pipe.RunJob) -> None:
        """See Executor."""
        at = self._workers[worker]
        at.running = at.used = True
        needs = self._known.needs.get(order.engine, EngineNeeds())
        if needs.cards or needs.faster_on_card:
            at.engine = order.engine
        self._send(at, order)

    def cancel(self, worker: str, order: pipe.CancelJob) -> None:
        """See Executor."""
        self._send(self._workers[worker], order)

    def end(self, worker: str) -> None:
        """See Executor."""
        process = self._workers[worker].process
        if process is not None:
            process.kill()

    def pause(self) -> None:
        """See Executor."""
        self._stopping = True
        for worker in self._workers.values():
            self._pause(worker)

    def drain(self, name: str, *, pause: bool) -> tuple[str, ...]:
        """See Executor."""
        meant = self._named(name)
        for worker in meant:
            worker.draining, worker.wanted = True, False
            if pause and not worker.paused:
                self._pause(worker)
        return tuple(worker.place.name for worker in meant)

    def undrain(self, name: str) -> tuple[str, ...]:
        """See Executor."""
        meant = self._named(name)
        for worker in meant:
            worker.draining = False
        return tuple(worker.place.name for worker in meant)

    def close(self) -> None:
        """See Executor."""
        for worker in self._workers.values():
            if worker.process is not None:
                worker.process.kill()
        for worker in self._workers.values():
            process, worker.process = worker.process, None
            if process is not None:
                process.close(5.0)

    def _named(self, name: str) -> list[_Worker]:
        return [worker for worker in self._workers.values() if name in (worker.place.name, worker.place.node)]

    def _pause(self, worker: _Worker) -> None:
        if worker.process is not None:
            worker.paused = True
            worker.process.send(pipe.Pause())

    def _send(self, worker: _Worker, message: pipe.ToWorker) -> None:
        if worker.process is not None:
            worker.process.send(message)

    def _start(self, worker: _Worker, now: float) -> None:
        """Start its process, later and later after each that died before it was ready."""
        if worker.quick_deaths and now - worker.heard < min(30.0, 0.5 * 2**worker.quick_deaths):
            return
        worker.started = worker.heard = now
        worker.process = (worker.new or self._new_worker)(
            self._options.engines,
            self._options.log_format,
            lambda process, message: self._wakeup.post(lambda: self._hear(worker, process, message)),
            worker.cards,
        )

    def _is_to_end(self, worker: _Worker) -> bool:
        """Whether its process was drained and is to be replaced, though its worker is used again."""
        return worker.paused and not self._stopping

    def _may_rest(self, worker: _Worker, now: float) -> bool:
        """Whether its process may be ended: it was drained, or has been idle for so long that its memory is due."""
        if worker.running:
            return False
        after = self._options.idle_release
        if worker.draining or self._is_to_end(worker):
            return True
        return (worker.used or not worker.stands_by) and after > 0 and now - worker.idle_since > after

    def _rest(self, worker: _Worker) -> None:
        log.info("idle: it gives its memory back", extra={"worker": worker.place.name})
        worker.resting, worker.ready = True, False
        if worker.process is not None:
            worker.process.kill()

    def _hear(self, worker: _Worker, process: RunningWorker, message: pipe.FromWorker | WorkerExit) -> None:
        """Handle one message of a process, on the loop's thread. Messages of one that was replaced are ignored."""
        if process is not worker.process:
            return
        worker.heard = self._clock()
        if isinstance(message, WorkerExit):
            self._gone(worker, process, message.reason)
        elif worker.resting:
            return
        elif isinstance(message, pipe.Ready):
            self._ready(worker, message)
        elif isinstance(message, pipe.EnginesChanged):
            self._engines_changed(message.engines)
        elif isinstance(message, pipe.NoEngines):
            if self._known.engines is None:
                raise WorkerCannotStartError(message.reason)
            log.error("%s", message.reason, extra={"worker": worker.place.name})
        elif isinstance(message, pipe.Heartbeat):
            worker.memory = message.memory
        else:
            self._hear_of_job(worker, message)

    def _hear_of_job(self, worker: _Worker, message: JobMessage) -> None:
        if isinstance(message, LAST_WORDS) and not (isinstance(message, pipe.Failed) and message.broken):
            worker.running, worker.idle_since = False, self._clock()
        if isinstance(message, pipe.Suspended):
            # Its process would suspend the next job too, or is gone already and says so in a later turn of the loop.
            worker.paused = True
        self._listener(worker.place.name, message)

    def _ready(self, worker: _Worker, message: pipe.Ready) -> None:
        worker.ready, worker.wanted, worker.quick_deaths = True, False, 0
        worker.told, worker.idle_since = message.engines, self._clock()
        self._known.needs |= message.needs
        self._work_out_engines()

    def _engines_changed(self, told: tuple[EngineCapability, ...]) -> None:
        """Note what depth predictors can do now: a worker has fetched weights, which all the others find."""
        now = {engine.name: engine for engine in told if isinstance(engine.predictor, msgspec.Struct)}
        for worker in self._workers.values():
            if worker.told is not None:
                worker.told = tuple(now.get(engine.name, engine) for engine in worker.told)
        self._work_out_engines()

    def _work_out_engines(self) -> None:
        """Work out what each engine can do, as a worker that takes its jobs says, once all have spoken."""
        now = self._clock()
        if any(worker.silent_at_start(now) for worker in self._workers.values()):
            return
        places = [worker.place for worker in self._workers.values()]
        names = dict.fromkeys(e.name for worker in self._workers.values() for e in worker.told or ())
        self._known.engines = tuple(self._engine(name, places) for name in names)

    def _engine(self, name: str, places: Sequence[WorkerPlace]) -> EngineCapability:
        needs = self._known.needs.get(name, EngineNeeds())
        taking = [self._workers[place.name] for place in takers(needs, places)]
        told = [e for worker in [*taking, *self._workers.values()] for e in worker.told or () if e.name == name]
        why = "" if self.cards_to_come else why_none(needs, places)
        return msgspec.structs.replace(told[0], unavailable=told[0].unavailable or why)

    def _gone(self, worker: _Worker, process: RunningWorker, reason: str) -> None:
        process.close(0.5)
        rested, was_ready = worker.resting, worker.ready
        worker.forget_process()
        if rested:
            return
        if not was_ready:
            worker.quick_deaths += 1
            log.error("the worker could not start: %s", reason, extra={"worker": worker.place.name})
            if worker.quick_deaths == QUICK_DEATHS and any(other.told for other in self._workers.values()):
                self._work_out_engines()
        self._listener(worker.place.name, WorkerLost(reason))
