"""Messages to clients on the control socket: answers and state events in order, then the latest progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np

from blender_addon.core.protocol.framing import Frame, encode
from blender_addon.core.protocol.messages import ServerMessage, StateEvent

from .sessions import Session, Sessions
from .sockets import Delivery

PROGRESS_A_TURN = 256
"""Most progress messages that are sent in a turn of the loop."""


class FrameSink(Protocol):
    """What sends frames to a client: a Router, or its stand-in."""

    def send(self, route: bytes, frames: Sequence[Frame]) -> Delivery:
        """Send frames to the connection at `route`, without waiting."""


class Outbox:
    """Sends messages to sessions, and keeps what cannot be sent now for the next `flush`. Use from the loop's thread.

    JobManager and Dispatcher tell it what happens to jobs; it asks neither of them anything.

    Args:
        sessions: who is connected and what they follow.
        control: sends the frames.
        unread_messages: with more of them waiting, a client loses its session.
    """

    def __init__(self, sessions: Sessions, control: FrameSink, unread_messages: int) -> None:
        self._sessions = sessions
        self._control = control
        self._unread_messages = unread_messages
        self._queue_moved = False
        self._served_last = ""

    def notify(self, session: Session, message: ServerMessage, request_id: int = 0) -> None:
        """Send a message now, or keep it; a client that is gone or too far behind loses its session, never its jobs.

        Args:
            session: the client.
            message: an answer or an event.
            request_id: of the request that it answers, 0 for an event.
        """
        session.waiting.append(encode(message, request_id=request_id))
        self._send_waiting(session)

    def notify_event(self, event: StateEvent) -> None:
        """Tell every session that follows the job of its new state."""
        for session in tuple(self._sessions.note_event(event)):
            self.notify(session, event)
            if event.state.final:
                session.followed.discard(event.job_id)
        self._queue_moved = True

    def queue_moved(self) -> bool:
        """Whether a job has changed its state since the last call: others may have another place in the queue."""
        moved, self._queue_moved = self._queue_moved, False
        return moved

    def flush(self) -> None:
        """Send what waits: answers and events in order, then the latest progress.

        At most PROGRESS_A_TURN progress messages: the others are sent, or replaced by later ones, in the next turns.
        """
        left = PROGRESS_A_TURN
        for session in self._in_turn():
            if not self._send_waiting(session):
                continue
            for job_id in tuple(session.progress)[:left]:
                progress, preview = session.progress[job_id]
                message = msgspec.structs.replace(progress, has_preview=bool(preview))
                buffers = [np.frombuffer(preview, dtype=np.uint8)] if preview else []
                if self._control.send(session.route, encode(message, buffers)) is not Delivery.SENT:
                    break
                self._sessions.note_active(session)
                del session.progress[job_id]
                left -= 1
            if left == 0 and not self._served_last:
                self._served_last = session.token

    def _in_turn(self) -> list[Session]:
        """All sessions; the one at which the last turn's progress was used up comes last."""
        sessions = list(self._sessions)
        served = next((at for at, session in enumerate(sessions, 1) if session.token == self._served_last), 0)
        self._served_last = ""
        return sessions[served:] + sessions[:served]

    def _send_waiting(self, session: Session) -> bool:
        """Send the waiting answers and events of a session.

        Returns:
            Whether all went out.
        """
        while session.waiting:
            delivery = self._control.send(session.route, session.waiting[0])
            if delivery is Delivery.SENT:
                self._sessions.note_active(session)
                session.waiting.popleft()
                continue
            if delivery is Delivery.GONE or len(session.waiting) > self._unread_messages:
                self._sessions.drop(session)
            return False
        return True
