"""Gives each incoming message to its handler and the answers to the outbox: the server's protocol, without a socket."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from blender_addon.core.awake_clock import Clock
from blender_addon.core.errors import WireError
from blender_addon.core.protocol.framing import ProtocolMismatchError, decode_client_message, encode
from blender_addon.core.protocol.messages import (
    PROTOCOL_VERSION,
    Hello,
    Limits,
    Ping,
    Pong,
    RefusalCode,
    Refused,
)

from .control_requests import ControlHandler
from .data_requests import DataHandler
from .outbox import FrameSink, Outbox
from .sessions import Sessions
from .sockets import Incoming

log = logging.getLogger("realcam.service")

PLACES_EVERY = 1.0
"""Shortest time between two rounds of queue places to those who wait, seconds."""


class MessageRouter:
    """Handles messages from both sockets and sends what clients are to be told. Use from the loop's thread.

    Args:
        limits: sizes and counts that clients must keep to.
        sessions: who is connected.
        outbox: keeps what is sent on the control socket.
        control_handler: answers control messages.
        data_handler: answers data messages.
        control: sends on the control socket.
        data: sends on the data socket.
        allowed: whether a public key may connect, asked for every message.
        pong: the answer to a Ping.
        clock: the loop's.
    """

    def __init__(
        self,
        limits: Limits,
        sessions: Sessions,
        outbox: Outbox,
        control_handler: ControlHandler,
        data_handler: DataHandler,
        control: FrameSink,
        data: FrameSink,
        allowed: Callable[[str], bool],
        pong: Callable[[Ping], Pong],
        clock: Clock,
    ) -> None:
        self._limits = limits
        self._sessions = sessions
        self._outbox = outbox
        self._control_handler = control_handler
        self._data_handler = data_handler
        self._control = control
        self._data = data
        self._allowed = allowed
        self._pong = pong
        self._clock = clock
        self._queue_moved = False
        self._places_at = 0.0
        self._greeting: deque[tuple[bytes, str, Hello]] = deque(maxlen=limits.sessions)

    # --- in ---------------------------------------------------------------------------------------------------

    def take_control(self, incoming: Incoming) -> None:
        """Handle a message on the control socket."""
        route = incoming.route
        if not self._allowed(incoming.user):
            self._disconnect(self._control, route)
            return
        try:
            received = decode_client_message(incoming.frames, self._limits)
        except WireError as error:
            self._refuse_unreadable(self._control, route, error)
            return
        message, session = received.message, self._sessions.at(route)
        if session is not None:
            self._sessions.note_active(session)
        if isinstance(message, Hello):
            self._greeting.append((route, incoming.user, message))
            if self._control_handler.engines_known:
                self._welcome_all()
        elif isinstance(message, Ping):
            self._control.send(route, encode(self._pong(message)))
        elif session is None:
            refused = Refused(code=RefusalCode.NO_SESSION, what="This session is not open", remedy="Say hello first.")
            self._control.send(route, encode(refused))
        else:
            for answer in self._control_handler.answer(session, message):
                self._outbox.notify(session, answer, request_id=received.request_id)

    def take_data(self, incoming: Incoming) -> None:
        """Handle a message on the data socket."""
        if not self._allowed(incoming.user):
            self._disconnect(self._data, incoming.route)
            return
        try:
            received = decode_client_message(incoming.frames, self._limits)
        except WireError as error:
            self._refuse_unreadable(self._data, incoming.route, error)
            return
        self._data_handler.handle(incoming.route, incoming.user, received)

    def _welcome_all(self) -> None:
        """Open a session for everyone who has said hello, and welcome them."""
        while self._greeting:
            route, user, hello = self._greeting.popleft()
            if hello.protocol[0] != PROTOCOL_VERSION[0]:
                self._refuse_unreadable(self._control, route, ProtocolMismatchError(hello.protocol))
                continue
            session = self._sessions.open(route, user, hello.software)
            self._outbox.notify(session, self._control_handler.welcome(session))

    # --- out --------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what clients are to be told. Call once a turn, after everything that may have happened in it."""
        if self._control_handler.engines_known:
            self._welcome_all()
        self._notify_queue_places()
        self._outbox.flush()

    def _notify_queue_places(self) -> None:
        """Note the new places in the queue for every session that follows a waiting job, at most every PLACES_EVERY
        seconds: a start moves all who wait.
        """
        self._queue_moved |= self._outbox.queue_moved()
        now = self._clock()
        if not self._queue_moved or now < self._places_at:
            return
        self._queue_moved, self._places_at = False, now + PLACES_EVERY
        followed = {job_id for session in self._sessions for job_id in session.followed}
        if followed:
            self._sessions.note_places(self._control_handler.waiting(followed))

    def _refuse_unreadable(self, sink: FrameSink, route: bytes, error: WireError) -> None:
        code = RefusalCode.PROTOCOL if isinstance(error, ProtocolMismatchError) else RefusalCode.MALFORMED
        log.warning("unreadable message: %s", error)
        sink.send(route, encode(Refused(code=code, what=error.what, why=error.why, remedy=error.remedy)))

    def _disconnect(self, sink: FrameSink, route: bytes) -> None:
        """Drop the session of a client whose key was revoked, and answer NOT_ALLOWED."""
        if (session := self._sessions.at(route)) is not None:
            self._sessions.drop(session)
        refused = Refused(
            code=RefusalCode.NOT_ALLOWED,
            what="This computer is no longer allowed on the server",
            remedy="Ask who runs the server.",
        )
        sink.send(route, encode(refused))
