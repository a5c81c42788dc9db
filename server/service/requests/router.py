"""Every message in, every answer and event out: the server's side of the protocol, without a socket in it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np

from blender_addon.core.errors import WireError
from blender_addon.core.protocol.framing import Frame, ProtocolMismatchError, decode_client_message, encode
from blender_addon.core.protocol.messages import (
    PROTOCOL_VERSION,
    Hello,
    Ping,
    Pong,
    RefusalCode,
    Refused,
    ServerMessage,
    StateEvent,
)
from server.service.jobs.job_book import JobBook
from server.service.options import ServiceOptions
from server.service.workers.dispatcher import Dispatcher

from .control_requests import ControlDesk
from .data_requests import DataDesk
from .sessions import Session, Sessions
from .sockets import Delivery, Incoming

log = logging.getLogger("realcam.service")


class Outlet(Protocol):
    """Where frames for a client go."""

    def send(self, route: bytes, frames: Sequence[Frame]) -> Delivery:
        """Never waits."""


class Reception:
    """Takes what came in at `control` and `data`, and sends what is to be told. Use from the loop's thread.

    allowed: asked about the key of every message; pong: answers a Ping.
    """

    def __init__(
        self,
        options: ServiceOptions,
        book: JobBook,
        dispatcher: Dispatcher,
        sessions: Sessions,
        control_desk: ControlDesk,
        data_desk: DataDesk,
        control: Outlet,
        data: Outlet,
        allowed: Callable[[str], bool],
        pong: Callable[[Ping], Pong],
    ) -> None:
        self._limits = options.limits
        self._dispatcher = dispatcher
        self._sessions = sessions
        self._control_desk = control_desk
        self._data_desk = data_desk
        self._control = control
        self._data = data
        self._allowed = allowed
        self._pong = pong
        self._greeting: deque[tuple[bytes, str, Hello]] = deque(maxlen=options.limits.sessions)
        book.on_event = self._tell_event
        dispatcher.on_progress = sessions.note_progress
        dispatcher.on_engines = self._welcome_all
        dispatcher.on_set_aside = self._tell_places

    # --- in ---------------------------------------------------------------------------------------------------

    def take_control(self, incoming: Incoming) -> None:
        """A message on the control socket."""
        route = incoming.route
        if not self._allowed(incoming.user):
            self._shut_out(self._control, route)
            return
        try:
            received = decode_client_message(incoming.frames, self._limits)
        except WireError as error:
            self._refuse_unreadable(self._control, route, error)
            return
        message, session = received.message, self._sessions.at(route)
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
                self._tell(session, answer, question=received.question)

    def take_data(self, incoming: Incoming) -> None:
        """A message on the data socket."""
        if not self._allowed(incoming.user):
            self._shut_out(self._data, incoming.route)
            return
        try:
            received = decode_client_message(incoming.frames, self._limits)
        except WireError as error:
            self._refuse_unreadable(self._data, incoming.route, error)
            return
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

    # --- out --------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what waits: answers and events in order, then the latest progress."""
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

    def _tell(self, session: Session, message: ServerMessage, question: int = 0) -> None:
        """Send, or keep for later; a client that is gone or hopelessly behind loses its session, never its jobs."""
        session.waiting.append(encode(message, question=question))
        self._send_waiting(session)

    def _send_waiting(self, session: Session) -> bool:
        """Whether all went out."""
        while session.waiting:
            delivery = self._control.send(session.route, session.waiting[0])
            if delivery is Delivery.SENT:
                session.active = time.monotonic()
                session.waiting.popleft()
                continue
            if delivery is Delivery.GONE or len(session.waiting) > self._limits.unread_messages:
                self._sessions.drop(session)
            return False
        return True

    def _tell_event(self, event: StateEvent) -> None:
        for session in tuple(self._sessions.note_event(event)):
            self._tell(session, event)
            if event.state.final:
                session.followed.discard(event.job_id)
        self._tell_places()

    def _tell_places(self) -> None:
        """Everybody who waits in the queue learns what for."""
        followed = {job_id for session in self._sessions for job_id in session.followed}
        if not followed:
            return
        for waiting in self._control_desk.waiting(followed):
            self._sessions.note_progress(waiting, b"")

    def _refuse_unreadable(self, outlet: Outlet, route: bytes, error: WireError) -> None:
        code = RefusalCode.PROTOCOL if isinstance(error, ProtocolMismatchError) else RefusalCode.MALFORMED
        log.warning("unreadable message: %s", error)
        outlet.send(route, encode(Refused(code=code, what=error.what, why=error.why, remedy=error.remedy)))

    def _shut_out(self, outlet: Outlet, route: bytes) -> None:
        """Somebody who was let in once and is no longer allowed."""
        if (session := self._sessions.at(route)) is not None:
            self._sessions.drop(session)
        refused = Refused(
            code=RefusalCode.NOT_ALLOWED,
            what="This computer is no longer allowed on the server",
            remedy="Ask who runs the server.",
        )
        outlet.send(route, encode(refused))


def _frames(message: ServerMessage, preview: bytes) -> list[Frame]:
    return encode(message, [np.frombuffer(preview, dtype=np.uint8)] if preview else [])
