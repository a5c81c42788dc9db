"""The worker thread that owns the connection: commands come in by one queue, events go out by another. No bpy."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from pathlib import Path

from ..core.atomic_file import write_atomic
from ..core.awake_clock import AwakeClock
from ..core.entry_points import entry_point
from ..core.errors import ErrorCode, RealCamError, ServiceError
from ..core.held_files import PATIENCE, discard
from ..core.payloads.payload import encode_payload
from ..core.protocol.client import Client
from ..core.protocol.client_session import InterruptedWaitError
from ..core.protocol.client_transfers import FULL
from ..core.protocol.messages import JobState, RefusalCode, StateEvent, Welcome
from ..core.unforeseen import UnforeseenError, in_words
from .job_events import (
    Command,
    Connect,
    Connected,
    ConnectionChanged,
    Event,
    Failed,
    Fetched,
    Received,
    ResumeJob,
    Sent,
    ServerSettings,
    ServerStarting,
    StateChanged,
    Stepped,
    Stopped,
    SubmitJob,
)
from .local_server import LocalServer, server_command

ANSWER_SECONDS = 5.0
"""How long a server that listens may take to greet before it counts as absent."""
QUIET_SECONDS = 600.0
"""How long a server that we started may write nothing to its log before it answers. A first start may download Python
and gigabytes of packages, of which uv writes one line before and one after."""
LONGEST_TURN = 5.0
"""How long one look at a server that starts may take, seconds: what took longer was the computer's sleep."""
GIVE_WAY_SECONDS = 20.0
"""How long the server before, which may still be saving its work, may keep the one that we start from starting."""
ABSENT = (ErrorCode.UNREACHABLE, ErrorCode.LOST, ErrorCode.NO_KEY)
"""Error codes of a server that is not there, that went while it was greeted, or that was never started here: this
user's server key is made by the first start."""
PATIENCE_SECONDS = 60.0
"""How long a server that went away during a job is waited for."""

TAKE_OVER_SECONDS = 3.0
"""How long a server of this machine that we did not start may be away before we start one in its place."""


class JobEndedError(ServiceError):
    """The server will not finish this job: there is nothing to go on with."""


class JobThread:
    """A thread that carries out one command at a time: connect, or submit or resume a job, then follow and fetch it.

    `put` and `cancel` return at once.

    Attributes:
        settings: Where the server is and how to start one.
        server: The local server that was started, None when none was.
        events: What the thread reports, in order.
    """

    def __init__(self, settings: ServerSettings, server: LocalServer | None = None) -> None:
        """Start the thread.

        Args:
            settings: Where the server is and how to start one.
            server: The local server of an earlier thread, handed on so that it is not started twice.
        """
        self.settings = settings
        self.server = server
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._commands: queue.SimpleQueue[tuple[int, Command] | None] = queue.SimpleQueue()
        # Commands are numbered: a cancel counts for all until then, whatever is queued before it is heard.
        self._last_number = self._running_number = self._cancelled_number = 0
        self._cancel_sent = False
        self._closing = threading.Event()
        self._client: Client | None = None
        self._may_revive = False
        self._lost_at = 0.0
        self._job_id = ""
        run = entry_point("The job thread stopped", self._broke)(self._run)
        self._thread = threading.Thread(target=run, name="realcam-jobs", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still takes commands."""
        return self._thread.is_alive()

    def put(self, command: Command) -> None:
        """Queue a command; its outcome arrives in `events`."""
        self._last_number += 1
        self._commands.put((self._last_number, command))

    def cancel(self) -> None:
        """Stop what is under way or queued, on the server too."""
        self._cancelled_number = self._last_number

    def close(self, patience: float = 5.0) -> None:
        """End the thread and its connection. A job on the server goes on; the local server is left to the caller.

        Args:
            patience: Seconds that the thread is waited for.
        """
        self._closing.set()
        self._commands.put(None)
        self._thread.join(patience)

    # --- in the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (taken := self._commands.get()) is not None:
                self._running_number, command = taken
                self._execute(command)
        finally:
            self._drop_client()

    def _broke(self, error: RealCamError) -> None:
        """The thread ends; so does its job here. The server may have it: Resume asks."""
        self.events.put(Failed(self._job_id, error.sentence, keep=bool(self._job_id)))

    def _execute(self, command: Command) -> None:
        """Carry out one command to its end; every error becomes an event."""
        job_id = self._job_id = "" if isinstance(command, Connect) else command.job_id
        self._cancel_sent = False
        try:
            with in_words("The job thread stopped this job"):
                self._carry_out(command)
        except InterruptedWaitError:
            self._stop(job_id)
        except ServiceError as error:
            self._drop_client()
            ended = isinstance(error, JobEndedError)
            self.events.put(Failed(job_id, error.sentence, error.code, keep=bool(job_id) and not ended))
        except UnforeseenError as error:
            # The server may have the job: Resume asks it.
            self._drop_client()
            self.events.put(Failed(job_id, error.sentence, keep=bool(job_id)))
        except RealCamError as error:
            self.events.put(Failed(job_id, error.sentence))

    def _carry_out(self, command: Command) -> None:
        for other, file in command.beside if isinstance(command, SubmitJob) else ():
            _write_pending_upload(file, encode_payload(other))
        payload = (
            _write_pending_upload(command.pending_upload, encode_payload(command.payload))
            if isinstance(command, SubmitJob)
            else None
        )
        # Anew each time: since the last command the line has been quiet for as long as a preview takes, and the
        # server may be gone, or another one by now.
        self._drop_client()
        client = self._connected()
        if not isinstance(command, Connect):
            self._run_job(client, command, payload)

    def _run_job(self, client: Client, command: SubmitJob | ResumeJob, payload: bytes | None) -> None:
        """Send the job's payload if the server does not have it, follow the job and fetch its files.

        Args:
            payload: The encoded payload of a new job. None: an earlier session's job, whose pending upload is read from
                its file if it is there.
        """
        if payload is None and command.pending_upload.is_file():
            payload = command.pending_upload.read_bytes()
        if payload is not None:
            self._send(client, command, payload)
        self._follow(client, command.job_id)
        files = client.fetch(
            command.job_id,
            command.folder,
            lambda progress: self.events.put(Received(command.job_id, progress)),
        )
        self.events.put(Fetched(command.job_id, tuple(files)))

    def _send(self, client: Client, command: SubmitJob | ResumeJob, payload: bytes) -> None:
        try:
            client.submit(
                command.job_id,
                payload,
                command.engine,
                command.title,
                lambda progress: self.events.put(Sent(command.job_id, progress)),
            )
        except ServiceError as error:
            if error.code in (ErrorCode.LOST, ErrorCode.UNREACHABLE, ErrorCode.INTERRUPTED):
                raise
            raise JobEndedError(error.what, error.why, error.remedy, code=error.code) from error
        discard(command.pending_upload, PATIENCE)
        self.events.put(StateChanged(command.job_id, JobState.QUEUED))

    def _follow(self, client: Client, job_id: str) -> None:
        """Report every event of a job until it is DONE.

        Raises:
            JobEndedError: The job failed, or the server does not know it.
            InterruptedWaitError: The job was cancelled, or the thread is being closed.
        """
        sequence = 0
        while True:
            for event in client.follow(job_id, sequence, self._interrupted):
                if isinstance(event, StateEvent):
                    sequence = event.sequence
                    if event.state.final:
                        return _check_done(event)
                    self.events.put(StateChanged(job_id, event.state, event.reason))
                else:
                    self.events.put(Stepped(job_id, event))
            if self._closing.is_set():
                raise InterruptedWaitError
            self._cancel_sent = True
            client.cancel(job_id)

    def _stop(self, job_id: str) -> None:
        """After an interruption, cancel the job on the server.

        When Blender closes, the job goes on there, so that none is lost.
        """
        self._drop_client()
        if self._closing.is_set() or not job_id:
            return
        if not self._cancel_sent:
            self._cancel_sent = True
            try:
                self._open(ANSWER_SECONDS).cancel(job_id)
            except RealCamError:
                # Nobody there to cancel it, or nothing to cancel: it is stopped as far as we can.
                self._drop_client()
        self.events.put(Stopped(job_id))

    # --- the connection -------------------------------------------------------------------------------------------

    def _connected(self) -> Client:
        """A connected client; a server is started first when none answers on this machine."""
        try:
            return self._open(ANSWER_SECONDS)
        except ServiceError as error:
            if error.code not in ABSENT or not self.settings.start_locally:
                raise
        return self._start_server()

    def _open(self, timeout: float) -> Client:
        settings = self.settings
        client = Client(
            settings.address,
            settings.client_id,
            settings.software,
            patience=PATIENCE_SECONDS,
            interrupted=self._interrupted,
            on_connection=self._connection_changed,
        )
        welcome = client.connect(timeout)
        self._client = client
        self._report_engines(welcome)
        return client

    def _report_engines(self, welcome: Welcome) -> None:
        self.events.put(Connected(welcome.software, welcome.engines, welcome.limits))

    def _start_server(self) -> Client:
        """A client of the local server, which is started if it does not run."""
        self.events.put(ServerStarting())
        if self.server is None:
            self.server = LocalServer(server_command(self.settings.command, self.settings.address), self.settings.log)
        # One that runs may be about to die while we look.
        again = self.server.running
        try:
            self.server.start()
            return self._wait_for(self.server, again)
        finally:
            self.events.put(ServerStarting(None))

    def _wait_for(self, server: LocalServer, again: bool) -> Client:
        """A client of a server that was started, however long that takes while it lives and writes to its log.

        Args:
            server: The local server.
            again: Whether it is started once more if it ends.

        Raises:
            ServiceError: It ended, cannot be used, or has been silent for too long.
            InterruptedWaitError: The wait was cancelled.
        """
        began, awake = time.monotonic(), AwakeClock(LONGEST_TURN)
        written, heard = 0, awake()
        while True:
            try:
                return self._open(timeout=1.0)
            except ServiceError as error:
                again = self._start_again(server, again, began)
                if error.code not in ABSENT:
                    raise
            if self._interrupted():
                raise InterruptedWaitError
            now = awake()
            if server.log_bytes != written:
                written, heard = server.log_bytes, now
                self.events.put(ServerStarting(server.log_tail(1)))
            elif now - heard > QUIET_SECONDS:
                raise ServiceError(
                    "The local server runs but does not answer",
                    f"it has written nothing for {QUIET_SECONDS / 60:.0f} minutes; its last words: "
                    f"{server.log_tail() or '(none)'}",
                    f"Its log is {self.settings.log}.",
                    code=ErrorCode.UNREACHABLE,
                )
            time.sleep(0.05)

    def _start_again(self, server: LocalServer, again: bool, began: float) -> bool:
        """Start a server again that ended because it was about to, or because one before has not quite ended.

        Args:
            server: The local server.
            again: Whether it may be started again whatever it ended with.
            began: When it was started first, of the monotonic clock.

        Returns:
            `again`, for the next call.

        Raises:
            ServiceError: It ended for another reason, or the one before is still there.
        """
        if again and not server.running:
            server.start()
            return False
        try:
            server.check()
        except ServiceError as error:
            if error.code != ErrorCode.STORE_IN_USE or time.monotonic() - began > GIVE_WAY_SECONDS:
                raise
            server.start()
        return again

    def _connection_changed(self, connected: bool) -> None:
        self.events.put(ConnectionChanged(connected))
        self._may_revive = not connected
        self._lost_at = time.monotonic()

    def _drop_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _revive_server(self) -> None:
        """Start a local server again, once, when it died during a job: the job is on its disk, and it goes on.

        Checked for as long as the connection is broken: a process is seen to be dead a little after its connections.
        A server that another Blender started ends with that one; ours takes over when it stays away.
        """
        if not self._may_revive:
            return
        if self.server is None:
            if not self.settings.start_locally or time.monotonic() - self._lost_at < TAKE_OVER_SECONDS:
                return
            self._may_revive = False
            # Without a command the wait goes on: whoever started that server may start it again.
            with contextlib.suppress(ServiceError):
                command = server_command(self.settings.command, self.settings.address)
                self.server = LocalServer(command, self.settings.log)
                self.server.start()
        elif not self.server.running:
            self._may_revive = False
            self.server.start()

    def _interrupted(self) -> bool:
        """Whether the client shall stop waiting; it asks twenty times a second."""
        if not self._closing.is_set():
            self._revive_server()
        return self._closing.is_set() or (self._running_number <= self._cancelled_number and not self._cancel_sent)


def _write_pending_upload(path: Path, payload: bytes) -> bytes:
    """Write the payload to its file, where it stays until the server has it, in case Blender closes meanwhile.

    Returns:
        The payload.

    Raises:
        JobEndedError: The disk refuses. Nothing was sent then, so there is nothing to go on with.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, payload, sync=True)
    except OSError as error:
        raise JobEndedError(
            "What is to be sent cannot be kept on this disk",
            f"{len(payload) / 1e6:.1f} MB at {path}: {error.strerror or error}",
            "Free some space there and try again: nothing was sent.",
            code=ErrorCode.DISK_FULL if error.errno in FULL else ErrorCode.NOT_WRITABLE,
        ) from error
    return payload


def _check_done(event: StateEvent) -> None:
    match event.state:
        case JobState.CANCELLED:
            raise InterruptedWaitError
        case JobState.FAILED:
            raise JobEndedError("The job failed on the server", event.reason, code=ErrorCode.FAILED)
        case JobState.UNKNOWN:
            raise JobEndedError(
                "The server does not know this job",
                "it was never sent whole, it was forgotten there, or another server answers at this address",
                "Generate the shot again.",
                code=RefusalCode.NO_SUCH_JOB,
            )
