"""The server's event loop: it serves two sockets, the worker and the store on one thread, and no step of it blocks."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import psutil
import zmq

from blender_addon.core.awake_clock import AwakeClock, Clock
from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import server_keys
from blender_addon.core.protocol.messages import JobState, Ping, Pong, RefusalCode, ServerStats
from blender_addon.core.protocol.server_address import is_loopback
from blender_addon.core.protocol.worker_stats import MOST_WORKERS, WorkerStats
from blender_addon.core.version import SERVER_SOFTWARE

from .drains import Drains
from .jobs.forgetting import Forgetting
from .jobs.job_files import JobFiles
from .jobs.job_manager import JobManager, reconcile
from .jobs.job_store import JobStore
from .options import ServiceOptions
from .ready_file import ServerReady
from .requests.control_requests import ControlHandler
from .requests.data_requests import DataHandler
from .requests.outbox import Outbox
from .requests.router import MessageRouter
from .requests.sessions import Sessions
from .requests.sockets import Incoming, Router
from .requests.zap import AllowList, ZapHandler, prove_closed
from .wakeup import Wakeup
from .workers.dispatcher import Dispatcher
from .workers.executor import Executor, WorkerCannotStartError
from .workers.local_workers import QUICK_DEATHS, LocalWorkers
from .workers.worker_plan import workers_of_machine

log = logging.getLogger("realcam.service")

TURN = 0.1
"""Longest wait of one turn of the loop, seconds."""
LONGEST_TURN = 5.0
"""Seconds after which a turn that has not come to its end did not run: the computer slept, the lid was closed."""
MESSAGES_A_TURN = 32
"""Most messages taken from one socket in a turn."""
TAKING = 0.01
"""Seconds after which a turn takes no further message from a socket, or from workers: each may wait for the disk."""
LAG_WINDOW = 10.0
"""Seconds over which the worst lag of the loop is reported."""
HOUSEKEEPING = 60.0
"""Seconds between two runs of the housekeeping."""
DRAINS_EVERY = 1.0
"""Seconds between two looks at the list of workers that are out of use."""


class Turn(NamedTuple):
    """A turn of the loop, without the wait for something to do. Processor times leave out what else the machine did,
    and waits for the disk.

    Attributes:
        seconds: how long it took.
        processor: of it, the loop's thread.
        housekeeping: of it, retention and what else is tidied.
        housekeeping_processor: of that, the loop's thread.
    """

    seconds: float
    processor: float
    housekeeping: float
    housekeeping_processor: float


OnTurn = Callable[[Turn], None]


def unmeasured(turn: Turn) -> None:
    """An OnTurn for those who do not measure."""


NewExecutor = Callable[[ServiceOptions, Wakeup, Clock], Executor]
"""Makes what executes jobs; called with the options, what brings its messages to the loop, and the loop's clock."""


def _local_workers(options: ServiceOptions, wakeup: Wakeup, clock: Clock) -> Executor:
    """Workers on this machine."""
    return LocalWorkers(options, workers_of_machine(options.workers), wakeup, clock)


class Service:
    """A whole server: made and `run` on one thread, stopped by `stop` from any thread.

    Args:
        options: where it listens, where it keeps jobs and keys, and its limits.
        on_turn: called after each turn of the loop.
        new_executor: makes what executes jobs; None for workers on this machine.

    Raises:
        ServiceError: the port is taken, the data directory cannot be used, nobody is allowed on an address that others
            can reach, the ZAP self-test failed, or the options name workers that cannot be.
    """

    def __init__(
        self, options: ServiceOptions, on_turn: OnTurn = unmeasured, new_executor: NewExecutor | None = None
    ) -> None:
        self.options = options
        self._on_turn = on_turn
        self.boot_id = secrets.token_hex(8)
        files = JobFiles(options.data_dir)
        self._store = JobStore(options.data_dir / "jobs.sqlite3")
        self._wakeup = Wakeup()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._clock = AwakeClock(LONGEST_TURN)
        try:
            self._open_sockets()
            executor = (new_executor or _local_workers)(options, self._wakeup, self._clock)
        except ServiceError:
            self._context.destroy(linger=0)
            self._wakeup.close()
            self._store.close()
            raise
        self._sessions = Sessions(options.limits.sessions, self._clock)
        outbox = Outbox(self._sessions, self._control, options.limits.unread_messages)
        self._manager = JobManager(self._store, files, on_event=outbox.notify_event)
        self._dispatcher = Dispatcher(
            self._manager, options, on_step=self._sessions.note_progress, clock=self._clock, executor=executor
        )
        # Workers import their engines while the rest is set up.
        executor.tick()
        self._answer_with(outbox)
        self._started = time.monotonic()
        self._housekeeping_at = 0.0
        self._forgetting = Forgetting(self._manager, options.retention)
        self._drains, self._drains_at = Drains(options.config_dir), 0.0
        self._stop_at: float | None = None
        self._lags: deque[tuple[float, float]] = deque()
        reconcile(self._manager)

    def _answer_with(self, outbox: Outbox) -> None:
        """Make what answers messages."""
        options = self.options
        self._control_handler = ControlHandler(self._manager, self._dispatcher, options, self.boot_id, self._stats_for)
        self._data_handler = DataHandler(
            self._manager,
            self._sessions,
            self._wakeup,
            options.limits,
            self._data.send,
            ThreadPoolExecutor(max_workers=2, thread_name_prefix="shot"),
        )
        self._router = MessageRouter(
            options.limits,
            self._sessions,
            outbox,
            self._control_handler,
            self._data_handler,
            control=self._control,
            data=self._data,
            allowed=lambda user: self._allowed.name_of(user) is not None,
            pong=self._pong,
            clock=self._clock,
        )

    def _open_sockets(self) -> None:
        options, limits = self.options, self.options.limits
        keys = server_keys(options.config_dir)
        self._allowed = AllowList(options.config_dir)
        if not is_loopback(options.host) and not self._allowed.others():
            raise ServiceError(
                f"The server does not listen on {options.host} while nobody is allowed to come in",
                "the list of allowed clients is empty",
                "Run `realcam keys invite NAME` for each client first.",
                code=RefusalCode.NOT_ALLOWED,
            )
        self._zap = ZapHandler(self._context, self._allowed)
        self._control = Router(self._context, options.host, options.control_port, limits.control_frame_bytes, keys)
        self._data = Router(self._context, options.host, options.data_port, limits.data_frame_bytes, keys)
        prove_closed(self._zap, [self._control.own_endpoint, self._data.own_endpoint], keys.public)

    @property
    def control_port(self) -> int:
        """The port of the control socket."""
        return self._control.port

    @property
    def data_port(self) -> int:
        """The port of the data socket, for chunks."""
        return self._data.port

    @property
    def ready(self) -> ServerReady:
        """What the ready file says: where the server accepts connections, and which process it is."""
        return ServerReady(
            host=self.options.host,
            control_port=self.control_port,
            data_port=self.data_port,
            public_key=server_keys(self.options.config_dir).public,
            boot_id=self.boot_id,
            pid=os.getpid(),
            software=SERVER_SOFTWARE,
        )

    def stop(self, grace: float | None = None) -> None:
        """End `run`: at once when no job runs, else when the job is done or the grace has passed.

        Callable from other threads and signal handlers; a second call ends it now.

        Args:
            grace: seconds; None takes the options' `stop_grace`.
        """
        self._wakeup.post(lambda: self._begin_stop(self.options.stop_grace if grace is None else grace))

    def stats(self, seconds: float = 5.0) -> ServerStats | None:
        """The server's statistics, asked from another thread.

        Args:
            seconds: how long to wait for the loop.

        Returns:
            None when the loop does not answer in time or the figures cannot be read.
        """
        answer: Future[ServerStats] = Future()

        def look() -> None:
            try:
                suspended = dict.fromkeys(self._dispatcher.suspended_engines(), "")
                answer.set_result(self._stats(suspended, self._dispatcher.worker_stats(None)))
            except (OSError, sqlite3.Error) as error:
                answer.set_exception(error)

        self._wakeup.post(look)
        try:
            return answer.result(seconds)
        except (TimeoutError, OSError, sqlite3.Error) as error:
            log.warning("no figures: %s", error or "the loop does not answer")
            return None

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until stopped, then close everything.

        Args:
            on_ready: called once the server accepts connections, before the first turn.

        Raises:
            ServiceError: the worker cannot be started; what `on_ready` raises passes through.
        """
        poller = zmq.Poller()
        for source in (self._zap.socket, self._control.socket, self._data.socket, self._wakeup.fileno()):
            poller.register(source, zmq.POLLIN)
        try:
            on_ready()
            while not self._should_end():
                poller.poll(int(TURN * 1000))
                started, busy = time.monotonic(), time.thread_time()
                for action in self._wakeup.take(TAKING):
                    action()
                self._zap.answer_all()
                self._take(self._control, self._router.take_control)
                self._take(self._data, self._router.take_data)
                self._keep_drains()
                self._dispatcher.tick()
                began, busy_then = time.monotonic(), time.thread_time()
                self._keep_house()
                housekeeping, house_busy = time.monotonic() - began, time.thread_time() - busy_then
                self._router.flush()
                seconds = time.monotonic() - started
                self._note_turn(Turn(seconds, time.thread_time() - busy, housekeeping, house_busy))
        except WorkerCannotStartError as error:
            raise ServiceError(
                "The server's worker process cannot start",
                str(error) or f"it died {QUICK_DEATHS} times before it was ready",
                "" if str(error) else "The reason stands above, in the worker's own words.",
            ) from None
        finally:
            self._close()

    def _take(self, router: Router, handle: Callable[[Incoming], None]) -> None:
        until = time.monotonic() + TAKING
        for _ in range(MESSAGES_A_TURN):
            incoming = router.receive(self.options.limits)
            if incoming is None:
                return
            try:
                handle(incoming)
            except Exception:
                # A client must not be able to end the server: a bug that a message triggers costs this message alone.
                log.exception("a message could not be handled")
            if time.monotonic() > until:
                return

    def _pong(self, ping: Ping) -> Pong:
        return Pong(
            token=ping.token,
            boot_id=self.boot_id,
            loop_lag=max((lag for _, lag in self._lags), default=0.0),
            step_age=self._dispatcher.step_age(),
            queued=self._store.counts().get(JobState.QUEUED, 0),
            running=self._dispatcher.running,
        )

    def _stats_for(self, owner: str) -> ServerStats:
        engines = self._dispatcher.engines or ()
        why = {engine.name: self._dispatcher.why_suspended(engine.name, owner) for engine in engines}
        workers = self._dispatcher.worker_stats(owner)[:MOST_WORKERS]
        return self._stats({name: reason for name, reason in why.items() if reason}, workers)

    def _stats(self, suspended_engines: dict[str, str], workers: tuple[WorkerStats, ...]) -> ServerStats:
        dispatcher = self._dispatcher
        return ServerStats(
            uptime=time.monotonic() - self._started,
            loop_lag=max((lag for _, lag in self._lags), default=0.0),
            memory=psutil.Process().memory_info().rss,
            worker_memory=dispatcher.worker_memory,
            worker_ready=dispatcher.ready,
            running=bool(dispatcher.running),
            step_age=dispatcher.step_age(),
            queued=self._store.counts().get(JobState.QUEUED, 0),
            jobs=self._store.counts(),
            sessions=len(self._sessions),
            refused_connections=self._zap.refused,
            disk_free=self._manager.disk.free(),
            disk_promised=self._manager.promised_bytes(dispatcher.engines or ()),
            suspended_engines=suspended_engines,
            workers=workers,
        )

    def _keep_drains(self) -> None:
        """Once per DRAINS_EVERY seconds: take workers out of use and put them back, as the operator's list says."""
        if self._clock() >= self._drains_at:
            self._drains_at = self._clock() + DRAINS_EVERY
            self._drains.keep(self._dispatcher)

    def _keep_house(self) -> None:
        """Go on forgetting old jobs. Once per HOUSEKEEPING seconds: begin to look for them, forget quiet sessions,
        delete what could not be deleted before, and take the disk's reserve again.
        """
        now = self._clock()
        if now >= self._housekeeping_at:
            self._housekeeping_at = now + HOUSEKEEPING
            self._sessions.drop_quiet()
            self._manager.disk.keep_reserve(self.options.keep_free)
            self._manager.tidy(self._manager.files.leftover)
            self._forgetting.begin()
        self._forgetting.step()

    def _begin_stop(self, grace: float) -> None:
        now = self._clock()
        self._stop_at = now + grace if self._stop_at is None else now
        self._control_handler.stopping = True
        self._dispatcher.drain()

    def _should_end(self) -> bool:
        if self._stop_at is None:
            return False
        return not self._dispatcher.running or self._clock() >= self._stop_at

    def _note_turn(self, turn: Turn) -> None:
        self._on_turn(turn)
        now = time.monotonic()
        self._lags.append((now, turn.seconds))
        while self._lags[0][0] < now - LAG_WINDOW:
            self._lags.popleft()

    def _close(self) -> None:
        self._dispatcher.close()
        self._router.flush()
        self._data_handler.close()
        self._forgetting.close()
        self._zap.socket.close()
        self._control.socket.close()
        self._data.socket.close()
        self._context.term()
        self._wakeup.close()
        self._store.close()
