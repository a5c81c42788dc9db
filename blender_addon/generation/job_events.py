"""The messages between the main thread and the job thread: frozen data through queues, no shared state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.payloads.payload import JobPayload
from ..core.progress import JobProgress
from ..core.protocol.capability import EngineCapability
from ..core.protocol.messages import JobState, Limits
from ..core.protocol.server_address import ServerAddress

# --- main thread to job thread ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ServerSettings:
    """Where the server is and how to start one.

    Attributes:
        address: The server's host and ports.
        command: The preference for the command that starts a server on this machine; "" for the default.
        client_id: The name by which the server knows this Blender's jobs.
        software: This add-on and its version, as the server is told.
        log: The file that a server started here writes its output to.
        start_locally: False for a remote server: no process is ever started.
    """

    address: ServerAddress
    command: str
    client_id: str
    software: str
    log: Path
    start_locally: bool = True


@dataclass(frozen=True)
class Connect:
    """Ask the server what it can do; start it when nobody answers."""


@dataclass(frozen=True, eq=False)
class SubmitJob:
    """Send a job payload, follow the job and fetch its files.

    Attributes:
        job_id: Made by the client, 32 hexadecimal digits.
        payload: A shot, a depth request or a camera check.
        title: What the job is called.
        folder: The folder that the result files go into.
        pending_upload: The file that holds the encoded payload until the server has accepted it.
        beside: Payloads of jobs that are sent after this one has ended, each with its own such file.
    """

    job_id: str
    payload: JobPayload
    title: str
    folder: Path
    pending_upload: Path
    beside: tuple[tuple[JobPayload, Path], ...] = ()

    @property
    def engine(self) -> str:
        """The name of the engine asked for."""
        return self.payload.settings.engine


@dataclass(frozen=True)
class ResumeJob:
    """Go on with a job of an earlier session: send its pending upload again if there is one, follow, fetch.

    Attributes:
        job_id: The job's id.
        engine: The name of the engine asked for.
        title: What the job is called.
        folder: The folder that the result files go into.
        pending_upload: The file of the encoded payload; absent once the server has accepted it.
    """

    job_id: str
    engine: str
    title: str
    folder: Path
    pending_upload: Path


Command = Connect | SubmitJob | ResumeJob

# --- job thread to main thread ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ServerStarting:
    """Nobody answered; a local server is being started.

    Attributes:
        words: The last line of its log, which a first start fills for minutes; "" while that is empty, None when the
            start is over, however it ended.
    """

    words: str | None = ""


@dataclass(frozen=True)
class Connected:
    """The server answers and tells what it can do."""

    software: str
    engines: tuple[EngineCapability, ...]
    limits: Limits


@dataclass(frozen=True)
class ConnectionChanged:
    """The connection to the server broke, or is there again. The job itself goes on on the server meanwhile."""

    connected: bool


@dataclass(frozen=True)
class Sent:
    """How many bytes of the payload the server holds."""

    job_id: str
    progress: JobProgress


@dataclass(frozen=True)
class StateChanged:
    """The server put the job into another state."""

    job_id: str
    state: JobState
    reason: str = ""


@dataclass(frozen=True)
class Stepped:
    """The engine made a step, or the queue moved."""

    job_id: str
    progress: JobProgress


@dataclass(frozen=True)
class Received:
    """How many bytes of the result have been fetched."""

    job_id: str
    progress: JobProgress


@dataclass(frozen=True)
class Fetched:
    """The job is done and its files are in place."""

    job_id: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Stopped:
    """The job was cancelled."""

    job_id: str


@dataclass(frozen=True)
class Failed:
    """A command ended with an error.

    Attributes:
        job_id: The job that failed, "" when no job was concerned.
        sentence: What happened, why and what to do, as the panel shows it.
        code: The error's code, "" for none.
        keep: The job may still exist on the server (the connection broke, the disk is full): offer to resume it.
    """

    job_id: str
    sentence: str
    code: str = ""
    keep: bool = False


Event = (
    ServerStarting
    | Connected
    | ConnectionChanged
    | Sent
    | StateChanged
    | Stepped
    | Received
    | Fetched
    | Stopped
    | Failed
)
