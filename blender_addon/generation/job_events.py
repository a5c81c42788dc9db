"""What the main thread and the job thread say to each other: frozen data through queues, nothing shared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.payloads.payload import JobPayload
from ..core.progress import JobProgress
from ..core.protocol.capability import EngineCapability
from ..core.protocol.messages import JobState
from ..core.protocol.server_address import ServerAddress

# --- main thread to job thread ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ServerSettings:
    """Where the server is and how to start one. `start_locally` False: never start a process (a remote server)."""

    address: ServerAddress
    command: str
    client_id: str
    software: str
    log: Path
    start_locally: bool = True


@dataclass(frozen=True)
class Connect:
    """Find out what the server can do; start it when nobody answers."""


@dataclass(frozen=True, eq=False)
class SubmitJob:
    """Send a shot, or a photo whose depth is asked; follow it and fetch its files into `folder`.

    What is sent is kept at `pending_upload` until accepted.
    """

    job_id: str
    payload: JobPayload
    title: str
    folder: Path
    pending_upload: Path

    @property
    def engine(self) -> str:
        """The engine asked for."""
        return self.payload.settings.engine


@dataclass(frozen=True)
class ResumeJob:
    """Go on with a job of an earlier session: send its kept shot again if need be, follow, fetch."""

    job_id: str
    engine: str
    title: str
    folder: Path
    pending_upload: Path


Command = Connect | SubmitJob | ResumeJob

# --- job thread to main thread ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ServerStarting:
    """Nobody answered; a local server is being started."""


@dataclass(frozen=True)
class Connected:
    """The server answers; this is what it can do."""

    software: str
    engines: tuple[EngineCapability, ...]


@dataclass(frozen=True)
class ConnectionChanged:
    """The line to the server broke, or is there again. The job itself is not touched by it."""

    connected: bool


@dataclass(frozen=True)
class Sent:
    """Bytes of the shot that the server holds."""

    job_id: str
    progress: JobProgress


@dataclass(frozen=True)
class StateChanged:
    """The server moved the job."""

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
    """Bytes of the result that are here."""

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
    """Something went wrong, in a sentence. `job_id` is "" when no job was concerned.

    `keep`: the job may still exist on the server (the line broke, the disk is full): offer to resume it.
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
