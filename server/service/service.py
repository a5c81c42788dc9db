"""The server's one loop: two sockets, the worker, the store. Nothing in it waits."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable

import msgspec
import numpy as np
import psutil
import zmq

from blender_addon.core.errors import ServiceError, WireError
from blender_addon.core.framing import Frame, ProtocolMismatchError, decode_client_message, encode
from blender_addon.core.keys import server_keys
from blender_addon.core.messages import (
    PROTOCOL_VERSION,
    Facts,
    Hello,
    JobState,
    Ping,
    Pong,
    Progress,
    RefusalCode,
    Refused,
    ServerMessage,
    StateEvent,
)
from blender_addon.core.server_address import is_loopback

from .control_requests import ControlDesk
from .data_requests import DataDesk
from .dispatcher import QUICK_DEATHS, Dispatcher, WorkerCannotStartError
from .job_book import JobBook
from .job_files import JobFiles
from .job_store import JobStore
from .options import ServiceOptions
from .reconcile import reconcile
from .retention import expired
from .sessions import MOST_WAITING, Session, Sessions
from .sockets import Delivery, Incoming, Router
from .wakeup import Wakeup
from .zap import AllowList, ZapHandler, prove_closed

log = logging.getLogger("realcam.service")

TURN = 0.1
"""Longest sleep of the loop, seconds."""
MESSAGES_A_TURN = 32
LAG_WINDOW = 10.0
HOUSEKEEPING = 60.0
FORGETTABLE = (JobState.UPLOADING, JobState.DONE, JobState.FAILED, JobState.CANCELLED)
MOST_GREETING = 64
"""Clients that may wait for the worker to say which engines there are."""


class Service:
    """A whole server in one object: made, `run` on the thread that made it, stopped by `stop` from any thread.

    Raises ServiceError when the port is taken or the data directory cannot be used.
    """

    def __init__(self, options: ServiceOptions) -> None:
        self.options = options
        self.boot_id = secrets.token_hex(8)
        self._files = JobFiles(options.data_dir)
        self._store = JobStore(options.data_dir / "jobs.sqlite3")
        self._book = JobBook(self._store, self._files)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        limits = options.limits
        try:
            self._open_sockets()
        except ServiceError:
            self._context.destroy(linger=0)
            self._store.close()
            raise
        self._wakeup = Wakeup()
        self._sessions = Sessions()
        self._greeting: deque[tuple[bytes, str, Hello]] = deque(maxlen=MOST_GREETING)
        self._dispatcher = Dispatcher(self._book, options, self._wakeup, self._tell_progress, self._welcome_all)
        self._control_desk = ControlDesk(self._book, self._dispatcher, options, self.boot_id, self._facts)
        self._data_desk = DataDesk(self._book, self._sessions, self._wakeup, limits, self._reply_data)
        self._book.on_event = self._tell_event
        self._started = time.monotonic()
        self._housekeeping_at = 0.0
        self._stop_at: float | None = None
        self._lags: deque[tuple[float, float]] = deque()
        reconcile(self._book)

    def _open_sockets(self) -> None:
        options, limits = self.options, self.options.limits
        keys = server_keys(options.config_dir)
        self._allowed = AllowList(options.config_dir)
        if not is_loopback(options.host) and not self._allowed.others():
            raise ServiceError(
                f"The server does not listen on {options.host} while nobody is allowed to come in",
                "the list of allowed clients is empty",
                "Run `realcam keys invite NAME` for each client first.",
                code="not-allowed",
            )
        self._zap = ZapHandler(self._context, self._allowed)
        self._control = Router(self._context, options.host, options.control_port, limits.control_frame_bytes, keys)
        self._data = Router(self._context, options.host, options.data_port, limits.data_frame_bytes, keys)
        prove_closed(self._zap, [self._control.own_endpoint, self._data.own_endpoint], keys.public)

    @property
    def control_port(self) -> int:
        """Where it listens."""
        return self._control.port

    @property
    def data_port(self) -> int:
        """Where it listens for chunks."""
        return self._data.port

    def stop(self, grace: float | None = None) -> None:
        """Have `run` return: at once when nothing runs, else when the job is done or `grace` seconds have passed.
        Callable from other threads and signal handlers; a second call ends it now."""
        self._wakeup.post(lambda: self._begin_stop(self.options.stop_grace if grace is None else grace))

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until stopped. Raises ServiceError when the worker cannot be started."""
        poller = zmq.Poller()
        for source in (self._zap.socket, self._control.socket, self._data.socket, self._wakeup.fileno()):
            poller.register(source, zmq.POLLIN)
        on_ready()
        try:
            while not self._should_end():
                poller.poll(int(TURN * 1000))
                started = time.monotonic()
                for action in self._wakeup.take():
                    action()
                self._zap.answer_all()
                self._take_control()
                self._take_data()
                self._dispatcher.tick()
                self._keep_house()
                self._flush()
                self._note_lag(started)
        except WorkerCannotStartError:
            raise ServiceError(
                "The server's worker process cannot start",
                f"it died {QUICK_DEATHS} times before it was ready",
                "The reason stands above, in the worker's own words.",
            ) from None
        finally:
            self._close()

    # --- in ---------------------------------------------------------------------------------------------------

    def _take_control(self) -> None:
        for _ in range(MESSAGES_A_TURN):
            incoming = self._control.receive(self.options.limits)
            if incoming is None:
                return
            self._handle_control(incoming)

    def _handle_control(self, incoming: Incoming) -> None:
        route = incoming.route
        if self._allowed.name_of(incoming.user) is None:
            self._shut_out(self._control, route)
            return
        try:
            message = decode_client_message(incoming.frames, self.options.limits).message
        except WireError as error:
            self._refuse_unreadable(self._control, route, error)
            return
        session = self._sessions.at(route)
        if session is not None:
            session.active = time.monotonic()
        if isinstance(message, Hello):
            self._greeting.append((route, incoming.user, message))
            if self._dispatcher.engines is not None:
                self._welcome_all()
        elif isinstance(message, Ping):
            self._control.send(route, encode(self._pong(message)))
        elif session is None:
            refused = Refused(code=RefusalCode.NO_SESSION, what="This session is not open", remedy="Say hello first.")
            self._control.send(route, encode(refused))
        else:
            for answer in self._control_desk.answer(session, message):
                self._tell(session, answer)

    def _take_data(self) -> None:
        for _ in range(MESSAGES_A_TURN):
            incoming = self._data.receive(self.options.limits)
            if incoming is None:
                return
            if self._allowed.name_of(incoming.user) is None:
                self._shut_out(self._data, incoming.route)
                continue
            try:
                received = decode_client_message(incoming.frames, self.options.limits)
            except WireError as error:
                self._refuse_unreadable(self._data, incoming.route, error)
                continue
            self._data_desk.handle(incoming.route, incoming.user, received)

    def _welcome_all(self) -> None:
        """Answer who has said hello."""
        while self._greeting:
            route, user, hello = self._greeting.popleft()
            if hello.protocol[0] != PROTOCOL_VERSION[0]:
                self._refuse_unreadable(self._control, route, ProtocolMismatchError(hello.protocol))
                continue
            session = self._sessions.open(route, user, hello.software)
            self._tell(session, self._control_desk.welcome(session))

    def _pong(self, ping: Ping) -> Pong:
        return Pong(
            token=ping.token,
            boot_id=self.boot_id,
            loop_lag=max((lag for _, lag in self._lags), default=0.0),
            step_age=self._dispatcher.step_age(time.monotonic()),
            queued=len(self._book.queue()),
            running=self._dispatcher.running,
        )

    def _facts(self) -> Facts:
        dispatcher = self._dispatcher
        return Facts(
            uptime=time.monotonic() - self._started,
            loop_lag=max((lag for _, lag in self._lags), default=0.0),
            memory=psutil.Process().memory_info().rss,
            worker_memory=dispatcher.worker_memory,
            worker_ready=dispatcher.ready,
            running=bool(dispatcher.running),
            step_age=dispatcher.step_age(time.monotonic()),
            queued=len(self._book.queue()),
            jobs=self._store.counts(),
            sessions=len(self._sessions),
            refused_connections=self._zap.refused,
            disk_free=self._book.disk.free(),
            disk_promised=self._book.promised_bytes(),
            engines_set_aside=dict(dispatcher.set_aside),
        )

    def _keep_house(self) -> None:
        """Now and then: forget what is too old, and take the disk's reserve again."""
        now = time.monotonic()
        if now < self._housekeeping_at:
            return
        self._housekeeping_at = now + HOUSEKEEPING
        self._sessions.drop_quiet(now)
        self._book.disk.keep_ballast(self.options.keep_free)
        gone = expired(self._store.in_states(*FORGETTABLE), time.time(), self.options.retention)
        if not gone:
            return
        try:
            freed = self._book.forget(gone)
        except sqlite3.OperationalError as error:
            log.error("old jobs cannot be forgotten: %s", error)
            self._book.disk.drop_ballast()
        else:
            log.info("forgot %d jobs, %d bytes", len(gone), freed)

    # --- out --------------------------------------------------------------------------------------------------

    def _tell(self, session: Session, message: ServerMessage, preview: bytes = b"") -> None:
        """Send, or keep for later; a client that is gone or hopelessly behind loses its session, never its jobs."""
        session.waiting.append(_frames(message, preview))
        self._send_waiting(session)

    def _send_waiting(self, session: Session) -> bool:
        """Whether all went out."""
        while session.waiting:
            delivery = self._control.send(session.route, session.waiting[0])
            if delivery is Delivery.SENT:
                session.active = time.monotonic()
                session.waiting.popleft()
                continue
            if delivery is Delivery.GONE or len(session.waiting) > MOST_WAITING:
                self._sessions.drop(session)
            return False
        return True

    def _flush(self) -> None:
        for session in self._sessions:
            if not self._send_waiting(session):
                continue
            for job_id in tuple(session.progress):
                progress, preview = session.progress[job_id]
                message = msgspec.structs.replace(progress, has_preview=bool(preview))
                if self._control.send(session.route, _frames(message, preview)) is not Delivery.SENT:
                    break
                session.active = time.monotonic()
                del session.progress[job_id]

    def _tell_event(self, event: StateEvent) -> None:
        for session in tuple(self._sessions.note_event(event)):
            self._tell(session, event)
            if event.state.final:
                session.followed.discard(event.job_id)
        self._tell_places()

    def _tell_places(self) -> None:
        """Everybody who waits in the queue learns how many are before."""
        if not any(session.followed for session in self._sessions):
            return
        for job_id, place in self._book.places().items():
            waiting = Progress(job_id=job_id, attempt=0, step=0, steps=0, stage="queued", queue_place=place)
            self._sessions.note_progress(waiting, b"")

    def _tell_progress(self, progress: Progress, preview: bytes) -> None:
        self._sessions.note_progress(progress, preview)

    def _reply_data(self, route: bytes, frames: list[Frame]) -> None:
        """A client that keeps to its credit always has room; one that does not asks again."""
        self._data.send(route, frames)

    def _refuse_unreadable(self, router: Router, route: bytes, error: WireError) -> None:
        code = RefusalCode.PROTOCOL if isinstance(error, ProtocolMismatchError) else RefusalCode.MALFORMED
        log.warning("unreadable message: %s", error)
        refused = Refused(code=code, what=error.what, why=error.why, remedy=error.remedy)
        router.send(route, encode(refused))

    def _shut_out(self, router: Router, route: bytes) -> None:
        """Somebody who was let in once and is no longer allowed."""
        if (session := self._sessions.at(route)) is not None:
            self._sessions.drop(session)
        refused = Refused(
            code=RefusalCode.NOT_ALLOWED,
            what="This computer is no longer allowed on the server",
            remedy="Ask who runs the server.",
        )
        router.send(route, encode(refused))

    # --- the end ----------------------------------------------------------------------------------------------

    def _begin_stop(self, grace: float) -> None:
        now = time.monotonic()
        self._stop_at = now + grace if self._stop_at is None else now
        self._control_desk.stopping = True
        self._dispatcher.drain()

    def _should_end(self) -> bool:
        if self._stop_at is None:
            return False
        return not self._dispatcher.running or time.monotonic() >= self._stop_at

    def _note_lag(self, started: float) -> None:
        now = time.monotonic()
        self._lags.append((now, now - started))
        while self._lags[0][0] < now - LAG_WINDOW:
            self._lags.popleft()

    def _close(self) -> None:
        self._dispatcher.close()
        self._flush()
        self._data_desk.close()
        self._zap.socket.close()
        self._control.socket.close()
        self._data.socket.close()
        self._context.term()
        self._wakeup.close()
        self._store.close()


def _frames(message: ServerMessage, preview: bytes) -> list[Frame]:
    if not preview:
        return encode(message)
    return encode(message, [np.frombuffer(preview, dtype=np.uint8)])
