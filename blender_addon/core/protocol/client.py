"""The client of a RealCam server: submit, follow, cancel, fetch. Its calls block; use it from one thread, not Blender's
main one.

Every call survives a lost connection and a restarted server; after `patience` seconds without progress it raises
ServiceError. Every wait asks `interrupted` twenty times a second.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from ..awake_clock import AwakeClock, Clock
from ..errors import ErrorCode, ServiceError, WireError
from ..printable import printable
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
"""How long one answer may take. A running server answers in milliseconds."""
LONGEST_WAIT = 30.0
"""Seconds between two looks at the clock that count: a wait asks twenty times a second, finding a host takes longer."""
RETRY_SECONDS = 0.1
"""The first pause before a lost connection is opened again."""

Connect = Callable[[ServerAddress, Path, str, str, float, Interrupted], Session]
"""Opens a session: address, keys' folder, client id, software, seconds to be let in, interrupted."""

PASSING: tuple[str, ...] = (ErrorCode.UNREACHABLE, ErrorCode.LOST)
"""Codes of errors after which connecting is tried again."""


class Client:
    """Talks to one server.

    Args:
        address: the server's.
        client_id: the same after a restart of Blender.
        software: name and version, shown in the server's log.
        patience: seconds without any progress after which a call gives up on a server that is gone.
        interrupted: asked during every wait; True makes the call raise ServiceError with code "interrupted".
        on_connection: called with True when a session is open and False when it was lost.
        config: folder of the keys; None takes this user's configuration (keys.py).
        connect: opens sessions; by default over ZeroMQ's sockets.
        clock: seconds, for `patience`.
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
        clock: Clock = time.monotonic,
    ) -> None:
        self.address = address
        self._client_id = client_id
        self._software = software
        self._patience = patience
        self._clock = AwakeClock(LONGEST_WAIT, clock)
        self._interrupted = self._awake(interrupted)
        self._on_connection = on_connection
        self._config = config or config_dir()
        self._connect = connect
        self._passing = PASSING
        self._session: Session | None = None
        self._events: deque[tuple[str, StateEvent | JobProgress]] = deque()
        """Events and progress that are not given out yet, each with its job's id."""
        self._request_id = 0
        """The number of the latest request; answers to earlier ones are ignored."""
        self._progressed = self._clock()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The server's jobs go on."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def connect(self, timeout: float = 10.0) -> Welcome:
        """Open a session, without retrying.

        Args:
            timeout: seconds for the handshake; a server that has just started then welcomes once its engines are
                loaded.

        Raises:
            ServiceError: code "unreachable", "protocol", "not-allowed", "no-key", "handshake" or "interrupted".
            WireError: the server's answer cannot be read.
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
        payload: bytes | memoryview,
        engine: str,
        title: str = "",
        on_sent: OnProgress = unwatched,
    ) -> JobStatus:
        """Upload a payload as a job; the server has it on disk (QUEUED or later) when this returns.

        Safe to repeat with the same job_id: the job is made once.

        Args:
            job_id: a new id, see messages.JobId.
            payload: see core.payloads.payload.
            engine: name of the engine.
            title: the job's name for people; what cannot be sent of it is escaped.
            on_sent: called with the bytes that the server has, of all.

        Raises:
            ServiceError: the server refuses it (no such engine, no space, a payload that makes no sense ...).
        """
        digest = hashlib.sha256(payload).hexdigest()
        request = Submit(job_id=job_id, digest=digest, nbytes=len(payload), engine=engine, title=printable(title)[:200])

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
        """The status of a job; state UNKNOWN when the server has no such job."""
        return self._retrying(lambda session: self._ask(session, GetStatus(job_id=job_id), JobStatus))

    def jobs(self) -> tuple[JobStatus, ...]:
        """This client's jobs, newest first, without their result files."""
        return self._retrying(lambda session: self._ask(session, ListJobs(), Jobs)).jobs

    def cancel(self, job_id: str) -> JobStatus:
        """The status of a job after asking to cancel it; it may still be RUNNING and then stops at its next step."""
        return self._retrying(lambda session: self._ask(session, Cancel(job_id=job_id), JobStatus))

    def follow(
        self, job_id: str, after_sequence: int = 0, interrupted: Interrupted | None = None
    ) -> Iterator[StateEvent | JobProgress]:
        """The state events of a job in order, each once, and its progress as it comes, until a final state (or
        UNKNOWN).

        Goes on by itself after lost connections and restarts of the server.

        Args:
            job_id: the job.
            after_sequence: number of the last event that is known already.
            interrupted: ends the events early, without an error; None takes the client's own.

        Raises:
            ServiceError: the server is away for longer than `patience`.
        """
        stop = self._awake(interrupted) if interrupted else self._interrupted
        self._progressed = self._clock()
        while True:
            try:
                session = self._open_session(stop)
                self._ask_for_events(session, job_id, after_sequence)
                while session is self._session:
                    event = self._next_event(session, job_id, stop)
                    if event is None or (isinstance(event, StateEvent) and event.sequence > after_sequence + 1):
                        # Long silence, or an event was lost: the server sends again all that follow the last known one.
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

    def fetch(
        self, job_id: str, folder: Path, on_received: OnProgress = unwatched, names: Collection[str] | None = None
    ) -> list[Path]:
        """The paths of a finished job's files, brought into `folder` and verified.

        Files of an earlier call are not fetched again. Each file gets its name only once it is complete.

        Args:
            job_id: the job.
            folder: made where missing.
            on_received: called with the bytes that are here, of all.
            names: of the job's files those to fetch; None takes all. The server notes the job as fetched in any case.

        Raises:
            ServiceError: code "not-ready", "disk-full", "not-writable" ...; what came so far is kept for the next call.
        """

        def attempt(session: Session) -> list[Path]:
            status = self._ask(session, GetStatus(job_id=job_id), JobStatus)
            if status.state is not JobState.DONE:
                raise ServiceError(
                    "This job has no clip to fetch", f"it is {status.state.value}", code=RefusalCode.NOT_READY
                )
            wanted = [file for file in status.results if names is None or file.name in names]
            return fetch_files(session, job_id, wanted, folder, self._watched(on_received), self._interrupted)

        paths = self._retrying(attempt)
        self._retrying(lambda session: self._ask(session, Fetched(job_id=job_id), JobStatus))
        return paths

    def prune(self, older_than: float, unfetched: bool = False) -> Pruned:
        """Have the server forget this client's jobs that ended more than `older_than` seconds ago.

        Args:
            older_than: seconds.
            unfetched: include finished jobs whose results were not fetched.
        """
        request = Prune(older_than=older_than, unfetched=unfetched)
        jobs = nbytes = 0
        while True:
            part, most = self._retrying(
                lambda session: (self._ask(session, request, Pruned), session.welcome.limits.pruned_jobs)
            )
            jobs, nbytes = jobs + part.jobs, nbytes + part.nbytes
            if part.jobs < most:
                return Pruned(jobs=jobs, nbytes=nbytes)

    def stats(self) -> ServerStats:
        """The server's statistics."""
        return self._retrying(lambda session: self._ask(session, GetServerStats(), ServerStats))

    def _awake(self, interrupted: Interrupted) -> Interrupted:
        """`interrupted`, which every wait asks all the time, with a look at the clock each time."""

        def asked() -> bool:
            self._clock()
            return interrupted()

        return asked

    def _ask_for_events(self, session: Session, job_id: str, after_sequence: int) -> None:
        self._request_id += 1
        session.send("control", Follow(job_id=job_id, after_sequence=after_sequence), request_id=self._request_id)

    def _next_event(self, session: Session, job_id: str, stop: Interrupted) -> StateEvent | JobProgress | None:
        """The next event or progress of a job; None when none comes for a while, though the connection is alive."""
        while True:
            while self._events:
                of_job, event = self._events.popleft()
                if of_job == job_id:
                    self._note_progress()
                    return event
            try:
                received = session.receive("control", ANSWER_SECONDS, stop)
            except TimeoutError:
                # The connection is alive: patience counts from when it breaks.
                self._note_progress()
                return None
            if isinstance(received.message, Refused) and received.request_id in (0, self._request_id):
                self._refused(received.message)
            self._keep_event(received)

    def _ask(self, session: Session, request: ClientMessage, kind: type[A]) -> A:
        """The answer to one request. Events that come before it are kept for `follow`."""
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
            self._events.append((message.job_id, message.to_job_progress(jpeg)))
        elif isinstance(message, StateEvent) and (
            message.state is not JobState.UNKNOWN or received.request_id == self._request_id
        ):
            self._events.append((message.job_id, message))

    def _refused(self, message: Refused) -> None:
        if message.code is RefusalCode.NO_SESSION:
            raise ConnectionLostError(self.address, "the server has closed this session")
        raise refusal(message)

    def _retrying(self, action: Callable[[Session], T]) -> T:
        # Patience counts anew for each call.
        self._progressed = self._clock()
        while True:
            try:
                return action(self._open_session(self._interrupted))
            except ConnectionLostError as error:
                self._lost(error)

    def _open_session(self, stop: Interrupted) -> Session:
        """The open session, or a new one: waits for a server that is away until `patience` is used up."""
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
        return self._clock() - self._progressed > self._patience

    def _note_progress(self) -> None:
        # Once this client has been let in, a handshake that fails is the link's fault and is tried again.
        self._passing = (*PASSING, ErrorCode.HANDSHAKE)
        self._progressed = self._clock()

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
