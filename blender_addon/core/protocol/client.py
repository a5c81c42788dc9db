"""The client of a RealCam server: submit, follow, cancel, fetch. Blocking, for one thread (never Blender's main one).

Every call survives a dropped connection and a restarted server for `patience` seconds without progress, then raises
ServiceError. Every wait looks at `interrupted` twenty times a second.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from ..errors import ErrorCode, ServiceError, WireError
from ..progress import JobProgress, OnProgress, unwatched
from .client_session import ConnectionLostError, Interrupted, InterruptedWaitError, Session, never, refusal
from .client_transfers import fetch_files, upload
from .framing import Received
from .keys import config_dir
from .messages import (
    Cancel,
    ClientMessage,
    Fetched,
    Follow,
    GetServerStats,
    GetStatus,
    Jobs,
    JobState,
    JobStatus,
    ListJobs,
    Progress,
    Prune,
    Pruned,
    RefusalCode,
    Refused,
    ServerMessage,
    ServerStats,
    StateEvent,
    Submit,
    Welcome,
)
from .server_address import ServerAddress

T = TypeVar("T")
A = TypeVar("A", bound=ServerMessage)

ANSWER_SECONDS = 20.0
"""How long one answer may take. A server that is alive answers in milliseconds."""
RETRY_SECONDS = 0.1
"""The first pause before a lost connection is made anew."""

Connect = Callable[[ServerAddress, Path, str, str, float, Interrupted], Session]
"""Opens a session: address, keys' folder, client id, software, seconds to be let in, interrupted."""

PASSING: tuple[str, ...] = (ErrorCode.UNREACHABLE, ErrorCode.LOST)
"""Codes of errors that may pass by themselves."""


class Client:
    """Talks to one server.

    client_id: stable over restarts of Blender. software: name and version, shown in the server's log.
    patience: seconds without any progress after which a call gives up on a server that is gone.
    interrupted: asked during every wait; True makes the call raise ServiceError with code "interrupted".
    on_connection: called with True when a session is open and False when it was lost.
    config: where the keys are, if not in this user's configuration (keys.py).
    connect: opens sessions; over ZeroMQ's sockets if not said otherwise.
    """

    def __init__(
        self,
        address: ServerAddress,
        client_id: str,
        software: str,
        *,
        patience: float = 60.0,
        interrupted: Interrupted = never,
        on_connection: Callable[[bool], None] | None = None,
        config: Path | None = None,
        connect: Connect = Session,
    ) -> None:
        self.address = address
        self._client_id = client_id
        self._software = software
        self._patience = patience
        self._interrupted = interrupted
        self._on_connection = on_connection
        self._config = config or config_dir()
        self._connect = connect
        self._passing = PASSING
        self._session: Session | None = None
        self._events: deque[tuple[str, StateEvent | JobProgress]] = deque()
        """Each with its job's id."""
        self._request_id = 0
        """The number of the latest request_id; an answer to an earlier one is none."""
        self._progressed = time.monotonic()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection. The server's jobs go on."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def connect(self, timeout: float = 10.0) -> Welcome:
        """Open a session, once, without retrying: a server that is not there is said at once. `timeout` is for being
        let in; a server that has just started then says welcome once its engines are loaded.

        Raises ServiceError: code "unreachable", "protocol", "not-allowed", "handshake" or "interrupted".
        """
        self.close()
        self._session = self._connect(
            self.address, self._config, self._client_id, self._software, timeout, self._interrupted
        )
        self._note_progress()
        self._notify(True)
        return self._session.welcome

    def submit(
        self,
        job_id: str,
        payload: bytes,
        engine: str,
        title: str = "",
        on_sent: OnProgress = unwatched,
    ) -> JobStatus:
        """Hand a shot over; returns once the server holds it on disk (QUEUED or later). Safe to repeat with the same
        job_id: the job is made once. on_sent: told the bytes that the server holds, of all.

        Raises ServiceError when the server refuses it (no such engine, no space, a shot that makes no sense ...).
        """
        digest = hashlib.sha256(payload).hexdigest()
        request = Submit(job_id=job_id, digest=digest, nbytes=len(payload), engine=engine, title=title[:200])

        def attempt(session: Session) -> JobStatus:
            status = self._ask(session, request, JobStatus)
            if status.state is JobState.UPLOADING:
                upload(session, job_id, payload, status.received, self._watched(on_sent), self._interrupted)
                status = self._ask(session, GetStatus(job_id=job_id), JobStatus)
            return status

        status = self._retrying(attempt)
        if status.state is JobState.FAILED and status.attempt == 0:
            raise ServiceError("The server could not take this shot", status.reason, code=RefusalCode.BAD_PAYLOAD)
        return status

    def status(self, job_id: str) -> JobStatus:
        """How a job stands; state UNKNOWN when the server has never heard of it."""
        return self._retrying(lambda session: self._ask(session, GetStatus(job_id=job_id), JobStatus))

    def jobs(self) -> tuple[JobStatus, ...]:
        """This client's jobs, newest first."""
        return self._retrying(lambda session: self._ask(session, ListJobs(), Jobs)).jobs

    def cancel(self, job_id: str) -> JobStatus:
        """Ask for a stop, which comes within a step; the job may still be RUNNING in the answer."""
        return self._retrying(lambda session: self._ask(session, Cancel(job_id=job_id), JobStatus))

    def follow(
        self, job_id: str, after_sequence: int = 0, interrupted: Interrupted | None = None
    ) -> Iterator[StateEvent | JobProgress]:
        """State events in order, each once, and progress as it comes, until a final state (UNKNOWN among them).

        Ends early, without an error, when `interrupted` says so. Goes on by itself over drops and restarts of the
        server. Raises ServiceError when the server stays away for longer than `patience`.
        """
        stop = interrupted or self._interrupted
        self._progressed = time.monotonic()
        while True:
            try:
                session = self._open_session(stop)
                self._ask_for_events(session, job_id, after_sequence)
                while session is self._session:
                    event = self._next_event(session, job_id, stop)
                    if event is None or (isinstance(event, StateEvent) and event.sequence > after_sequence + 1):
                        # Long silence, or one was lost on the way: the server tells again all that is not known here.
                        self._ask_for_events(session, job_id, after_sequence)
                    elif isinstance(event, JobProgress):
                        yield event
                    elif event.sequence > after_sequence or event.state is JobState.UNKNOWN:
                        after_sequence = event.sequence
                        yield event
                        if event.state.final:
                            return
            except ConnectionLostError as error:
                self._lost(error)
            except InterruptedWaitError:
                return

    def fetch(self, job_id: str, folder: Path, on_received: OnProgress = unwatched) -> list[Path]:
        """Bring a finished job's files into `folder`, verified; what an earlier call brought is not brought again.

        Each file appears under its name only when it is whole. Raises ServiceError: code "not-ready", "disk-full",
        "not-writable" ..., and keeps what came so far for the next call.
        """

        def attempt(session: Session) -> list[Path]:
            status = self._ask(session, GetStatus(job_id=job_id), JobStatus)
            if status.state is not JobState.DONE:
                raise ServiceError(
                    "This job has no clip to fetch", f"it is {status.state.value}", code=RefusalCode.NOT_READY
                )
            return fetch_files(session, status, folder, self._watched(on_received), self._interrupted)

        paths = self._retrying(attempt)
        self._retrying(lambda session: self._ask(session, Fetched(job_id=job_id), JobStatus))
        return paths

    def prune(self, older_than: float, unfetched: bool = False) -> Pruned:
        """Have the server forget this client's jobs that ended `older_than` seconds ago."""
        request = Prune(older_than=older_than, unfetched=unfetched)
        return self._retrying(lambda session: self._ask(session, request, Pruned))

    def stats(self) -> ServerStats:
        """How the server is."""
        return self._retrying(lambda session: self._ask(session, GetServerStats(), ServerStats))

    def _ask_for_events(self, session: Session, job_id: str, after_sequence: int) -> None:
        self._request_id += 1
        session.send("control", Follow(job_id=job_id, after_sequence=after_sequence), request_id=self._request_id)

    def _next_event(self, session: Session, job_id: str, stop: Interrupted) -> StateEvent | JobProgress | None:
        """The next of one job's; None when there is none for a while, though the line is alive."""
        while True:
            while self._events:
                of_job, event = self._events.popleft()
                if of_job == job_id:
                    self._note_progress()
                    return event
            try:
                received = session.receive("control", ANSWER_SECONDS, stop)
            except TimeoutError:
                # Patience counts from when the line breaks.
                self._note_progress()
                return None
            if isinstance(received.message, Refused) and received.request_id in (0, self._request_id):
                self._refused(received.message)
            self._keep_event(received)

    def _ask(self, session: Session, request: ClientMessage, kind: type[A]) -> A:
        """One request_id, its answer. Events that come between are kept for follow()."""
        self._request_id += 1
        session.send("control", request, request_id=self._request_id)
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                received = session.receive("control", max(deadline - time.monotonic(), 0.001), self._interrupted)
            except TimeoutError as error:
                raise ConnectionLostError(self.address, f"no answer within {ANSWER_SECONDS:.0f} s") from error
            message = received.message
            if isinstance(message, Refused) and received.request_id in (0, self._request_id):
                self._refused(message)
            if isinstance(message, kind) and received.request_id == self._request_id:
                self._note_progress()
                return message
            self._keep_event(received)

    def _keep_event(self, received: Received[ServerMessage]) -> None:
        message = received.message
        if isinstance(message, Progress):
            jpeg = received.buffers[0].tobytes() if received.buffers else b""
            self._events.append((message.job_id, message.told(jpeg)))
        elif isinstance(message, StateEvent) and (
            message.state is not JobState.UNKNOWN or received.request_id == self._request_id
        ):
            self._events.append((message.job_id, message))

    def _refused(self, message: Refused) -> None:
        if message.code is RefusalCode.NO_SESSION:
            raise ConnectionLostError(self.address, "the server has closed this session")
        raise refusal(message)

    def _retrying(self, action: Callable[[Session], T]) -> T:
        # A call has its own patience, however long ago the last one was.
        self._progressed = time.monotonic()
        while True:
            try:
                return action(self._open_session(self._interrupted))
            except ConnectionLostError as error:
                self._lost(error)

    def _open_session(self, stop: Interrupted) -> Session:
        """The session, or a new one: waits for a server that is away until `patience` is spent."""
        pause = RETRY_SECONDS
        while self._session is None:
            try:
                self._session = self._connect(self.address, self._config, self._client_id, self._software, 5.0, stop)
            except ServiceError as error:
                if error.code not in self._passing or self._out_of_patience():
                    raise
                _sleep(pause, stop)
                pause = min(pause * 1.5, 2.0)
            except WireError as error:
                raise ServiceError(error.what, error.why, error.remedy, code=RefusalCode.MALFORMED) from error
            else:
                self._events.clear()
                self._notify(True)
        return self._session

    def _lost(self, error: ConnectionLostError) -> None:
        self.close()
        self._notify(False)
        if self._out_of_patience():
            raise error
        _sleep(RETRY_SECONDS, self._interrupted)

    def _out_of_patience(self) -> bool:
        return time.monotonic() - self._progressed > self._patience

    def _note_progress(self) -> None:
        # Where we have been let in once, a handshake that fails is the link's fault.
        self._passing = (*PASSING, ErrorCode.HANDSHAKE)
        self._progressed = time.monotonic()

    def _watched(self, callback: OnProgress) -> OnProgress:
        def on_progress(progress: JobProgress) -> None:
            self._note_progress()
            callback(progress)

        return on_progress

    def _notify(self, connected: bool) -> None:
        if self._on_connection is not None:
            self._on_connection(connected)


def _sleep(seconds: float, stop: Interrupted) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if stop():
            raise InterruptedWaitError
        time.sleep(min(0.05, seconds))
