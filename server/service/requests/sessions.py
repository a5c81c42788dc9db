"""Sessions: which clients are connected, what they follow, and what waits to be sent to them."""

from __future__ import annotations

import secrets
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from blender_addon.core.awake_clock import Clock
from blender_addon.core.protocol.messages import Progress, StateEvent

QUIET = 120.0
"""Seconds without a message from or to a client after which its session is dropped."""


@dataclass
class Session:
    """One client's control connection.

    Attributes:
        route: its address on the control socket.
        token: names the session in data messages.
        owner: the client's public key, Z85.
        software: what the client says it is.
        active: when a message last came from it or went to it, seconds of the loop's clock.
        followed: ids of the jobs whose events and progress it is sent.
        waiting: encoded answers and events that are not sent yet, in order.
    """

    route: bytes
    token: str
    owner: str
    software: str
    active: float
    followed: set[str] = field(default_factory=set)
    waiting: deque[list[bytes | memoryview | bytearray]] = field(default_factory=deque)
    progress: dict[str, tuple[Progress, bytes]] = field(default_factory=dict)
    """The latest unsent progress and preview of each followed job, by job id."""
    places: dict[str, Progress] = field(default_factory=dict)
    """What the client was last told of each followed job that waits, by job id."""


class Sessions:
    """All sessions, by route and by token.

    Args:
        most: how many there may be.
        clock: the loop's.
    """

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._by_route: dict[bytes, Session] = {}
        self._by_token: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._by_route.values()))

    def __len__(self) -> int:
        return len(self._by_route)

    def open(self, route: bytes, owner: str, software: str) -> Session:
        """A new session; one that the same connection had before ends.

        When there are too many, the oldest session of the owner who has most is dropped: no client can push others out.
        """
        if (old := self._by_route.get(route)) is not None:
            self.drop(old)
        if len(self._by_route) >= self._most:
            counts = Counter(session.owner for session in self)
            most = max(counts.values())
            self.drop(next(session for session in self if counts[session.owner] == most))
        session = Session(route, secrets.token_hex(16), owner, software, self._clock())
        self._by_route[route] = self._by_token[session.token] = session
        return session

    def at(self, route: bytes) -> Session | None:
        """The session of a control connection, None if it has none."""
        return self._by_route.get(route)

    def with_token(self, token: str) -> Session | None:
        """The session that a data message names, None if there is none."""
        return self._by_token.get(token)

    def note_active(self, session: Session) -> None:
        """A message came from the client or went to it."""
        session.active = self._clock()

    def drop(self, session: Session) -> None:
        """Forget a session. Its jobs go on."""
        self._by_route.pop(session.route, None)
        self._by_token.pop(session.token, None)

    def drop_quiet(self) -> None:
        """Drop sessions without a message for QUIET seconds: mostly connections that were replaced."""
        now = self._clock()
        for session in self:
            if now - session.active > QUIET:
                self.drop(session)

    def followers(self, job_id: str) -> Iterator[Session]:
        """The sessions that follow a job."""
        return (session for session in self if job_id in session.followed)

    def note_progress(self, progress: Progress, preview: bytes) -> None:
        """Replace the unsent progress of each follower; an unsent preview is kept until a newer one comes.

        Args:
            progress: how far the job is.
            preview: an encoded picture, b"" for none.
        """
        for session in self.followers(progress.job_id):
            picture = preview
            unsent = session.progress.get(progress.job_id)
            if not picture and unsent is not None and unsent[0].attempt == progress.attempt:
                picture = unsent[1]
            session.progress[progress.job_id] = (progress, picture)

    def note_places(self, places: Mapping[str, Progress]) -> None:
        """Replace the unsent progress of jobs that wait, for each follower to whom its place is new.

        Args:
            places: the progress of all queued jobs that anybody follows, by job id.
        """
        for session in self:
            here = {job_id: places[job_id] for job_id in session.followed if job_id in places}
            session.progress |= {
                job_id: (place, b"") for job_id, place in here.items() if session.places.get(job_id) != place
            }
            session.places = here

    def note_event(self, event: StateEvent) -> Iterator[Session]:
        """The sessions to tell of an event; unsent progress of the job is dropped, its attempt may have ended."""
        for session in self.followers(event.job_id):
            session.progress.pop(event.job_id, None)
            session.places.pop(event.job_id, None)
            yield session
