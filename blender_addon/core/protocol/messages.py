"""Everything that crosses the wire, typed. framing.py turns these into frames and back.

Two ROUTER sockets: small things go over `control` (so that a cancel never waits behind a video), shots and results
go over `data`, in chunks. A shot is uploaded as one file (shot_file.py) by offset and results are pulled as files by
offset; both can go on after a drop. PROTOCOL_VERSION is (major, minor): the major must match.
"""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from ..progress import JobProgress
from .capability import EngineCapability

PROTOCOL_VERSION = (2, 0)

JOB_ID_PATTERN = r"\A[0-9a-z][0-9a-z-]{7,63}\Z"
JobId = Annotated[str, Meta(pattern=JOB_ID_PATTERN)]
"""Made by the client, `uuid.uuid4().hex` for one. Lower case only, because it names files on any file system."""
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""sha256, hex."""
FileName = Annotated[str, Meta(pattern=r"\A(frames/)?[0-9a-z_]{1,64}\.(png|mp4|json|jpg|npz)\Z")]
"""The only shape of a result's name: never absolute, never upwards."""
Count = Annotated[int, Meta(ge=0, le=2**48)]
LONGEST_STAGE = 200
"""Characters of what an engine says it does."""
Line = Annotated[str, Meta(max_length=200)]
EngineName = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9_.-]{0,63}\Z")]


class JobState(enum.StrEnum):
    """The life of a job. server/service/jobs/job_states.py owns the transitions."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    RUNNING = "running"
    FINALIZING = "finalizing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.UNKNOWN)


class RefusalCode(enum.StrEnum):
    """Why the server said no."""

    PROTOCOL = "protocol"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    NO_SUCH_ENGINE = "no-such-engine"
    ENGINE_UNAVAILABLE = "engine-unavailable"
    BAD_PAYLOAD = "bad-shot"
    JOB_CONFLICT = "job-conflict"
    NO_SUCH_JOB = "no-such-job"
    NO_SESSION = "no-session"
    NOT_READY = "not-ready"
    NO_SPACE = "no-space"
    BUSY = "busy"
    NOT_ALLOWED = "not-allowed"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the server takes, told in WELCOME and enforced before memory is taken."""

    header_bytes: int = 64 * 1024
    buffers: int = 8
    control_frame_bytes: int = 256 * 1024
    data_frame_bytes: int = 4 * 1024 * 1024
    chunk_bytes: int = 1024 * 1024
    chunks_in_flight: int = 8
    payload_bytes: int = msgspec.field(default=1024 * 1024 * 1024, name="shot_bytes")
    frames: int = 256
    side: int = 2048
    photo_pixels: int = 64_000_000
    prompt: int = 8000
    """Characters."""
    jobs_per_client: int = 32
    """That have not ended."""
    ended_jobs: int = 1000
    """Of one client that ended without a clip and are still told of; older ones are forgotten."""
    listed_jobs: int = 200
    listed_reason: int = 200
    """Characters of a reason in a list; GetStatus tells the whole."""
    pruned_jobs: int = 10_000
    """The newest of one client's jobs, which one Prune looks at."""
    sessions: int = 256
    """Beyond it the oldest is closed."""
    followed_jobs: int = 64
    """In one session."""
    unread_messages: int = 256
    """Answers and state events that may wait for one client. One that falls further behind is let go; it comes back
    and asks again from where it was."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """A header. Subclasses carry their own name as tag."""


# --- client to server, control ------------------------------------------------------------------------------------


class Hello(Message, frozen=True, tag="hello"):
    """First message of a session. `client_id` is stable over restarts of Blender: jobs belong to it."""

    protocol: tuple[int, int]
    client_id: Line
    software: Line


class Submit(Message, frozen=True, tag="submit"):
    """Ask for a place for a job. `digest` is the sha256 (hex) of the shot file of `nbytes` bytes."""

    job_id: JobId
    digest: Digest
    nbytes: Count
    engine: EngineName
    title: Line = ""


class Follow(Message, frozen=True, tag="follow"):
    """Send this job's state events after `after_sequence`, then its progress as it comes."""

    job_id: JobId
    after_sequence: Count = 0


class GetStatus(Message, frozen=True, tag="get-status"):
    """Ask for one JobStatus."""

    job_id: JobId


class ListJobs(Message, frozen=True, tag="list-jobs"):
    """Ask for this client's jobs, newest first."""


class Cancel(Message, frozen=True, tag="cancel"):
    """Stop a job. Answered with its JobStatus; takes effect within a step."""

    job_id: JobId


class Fetched(Message, frozen=True, tag="fetched"):
    """This client holds all results of a job: the server may forget them sooner. Answered with its JobStatus."""

    job_id: JobId


class Prune(Message, frozen=True, tag="prune"):
    """Forget this client's jobs that ended more than `older_than` seconds ago; without `unfetched`, only those whose
    clip was fetched or that made none. Answered with Pruned."""

    older_than: float
    unfetched: bool = False


class GetServerStats(Message, frozen=True, tag="get-facts"):
    """Ask how the server is."""


class Ping(Message, frozen=True, tag="ping"):
    """Ask whether the server's loop turns."""

    token: int


# --- server to client, control ------------------------------------------------------------------------------------


class Welcome(Message, frozen=True, tag="welcome"):
    """The session is open. `boot_id` changes when the server restarts: resynchronise then."""

    protocol: tuple[int, int]
    software: str
    boot_id: str
    session: str
    limits: Limits
    engines: tuple[EngineCapability, ...]


class Refused(Message, frozen=True, tag="refused"):
    """No, and why. `job_id` is empty when the refusal is not about a job."""

    code: RefusalCode
    what: str
    why: str = ""
    remedy: str = ""
    job_id: str = ""


class ResultFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a finished job."""

    name: FileName
    nbytes: Count
    sha256: Digest


class JobStatus(Message, frozen=True, tag="job-status"):
    """How a job stands. Also the answer to Submit: state UPLOADING asks for bytes from `received` on; QUEUED or
    later is ACCEPTED (the job is on disk); UNKNOWN means the server has never heard of it."""

    job_id: JobId
    state: JobState
    engine: str = ""
    title: str = ""
    attempt: int = 0
    received: int = 0
    sequence: int = 0
    queue_place: int = 0
    """Jobs before this one; 0 when it runs or has ended."""
    reason: str = ""
    submitted_at: float = 0.0
    finished_at: float = 0.0
    engine_seconds: float = 0.0
    fetched_at: float = 0.0
    cancel_requested: bool = False
    results: tuple[ResultFile, ...] = ()


class Jobs(Message, frozen=True, tag="jobs"):
    """The answer to ListJobs: newest first, without their result files, as many as go into one header."""

    jobs: tuple[JobStatus, ...]


class StateEvent(Message, frozen=True, tag="state-event"):
    """A job changed state. Kept, numbered for each job from 1, and sent again after a reconnect."""

    job_id: JobId
    sequence: int
    state: JobState
    attempt: int
    at: float
    reason: str = ""


class Progress(Message, frozen=True, tag="progress"):
    """Latest-wins. May carry one buffer, the latest preview as a JPEG."""

    job_id: JobId
    attempt: int
    step: int
    steps: int
    stage: str
    seconds_left: float | None = None
    queue_place: int = 0
    has_preview: bool = False

    @classmethod
    def of(cls, job_id: str, told: JobProgress) -> Progress:
        """The message that tells it; its jpeg goes beside it, as the buffer."""
        return cls(
            job_id=job_id,
            attempt=told.attempt,
            step=told.done,
            steps=told.total,
            stage=told.stage[:LONGEST_STAGE],
            seconds_left=told.seconds_left,
            queue_place=told.queue_place,
            has_preview=bool(told.jpeg),
        )

    def told(self, jpeg: bytes) -> JobProgress:
        """What it tells, with the picture that came beside it."""
        return JobProgress(
            self.step,
            self.steps,
            self.stage,
            jpeg=jpeg,
            seconds_left=self.seconds_left,
            queue_place=self.queue_place,
            attempt=self.attempt,
        )


class Pong(Message, frozen=True, tag="pong"):
    """The loop turns. `loop_lag`: seconds it was late at worst lately; `step_age`: seconds since the running job's
    last step (None when idle)."""

    token: int
    boot_id: str
    loop_lag: float
    step_age: float | None = None
    queued: int = 0
    running: str = ""


class Pruned(Message, frozen=True, tag="pruned"):
    """What Prune removed."""

    jobs: int
    nbytes: int


class ServerStats(Message, frozen=True, tag="facts"):
    """How the server is: seconds, bytes and counts. Nothing in it tells one client of another's jobs."""

    uptime: float
    loop_lag: float
    memory: int
    worker_memory: int
    worker_ready: bool
    running: bool
    step_age: float | None
    queued: int
    jobs: dict[str, int]
    """State -> count."""
    sessions: int
    refused_connections: int
    disk_free: int
    disk_promised: int
    suspended_engines: dict[str, str] = msgspec.field(name="engines_set_aside")
    """Those that this client cannot use for now: name -> why."""


# --- data, both ways ----------------------------------------------------------------------------------------------


class UploadChunk(Message, frozen=True, tag="upload-chunk"):
    """Bytes of a shot file from `offset`; one buffer."""

    session: Line
    job_id: JobId
    offset: Count


class UploadReceived(Message, frozen=True, tag="upload-received"):
    """The server holds the first `received` bytes. Once all are there, verified and on disk, `state` is QUEUED.
    damaged: all were there and their checksum was wrong; they were thrown away."""

    job_id: JobId
    received: Count
    state: JobState
    damaged: bool = False


class ReadChunk(Message, frozen=True, tag="read-chunk"):
    """Ask for `nbytes` of a result file from `offset`."""

    session: Line
    job_id: JobId
    name: FileName
    offset: Count
    nbytes: Count


class FileChunk(Message, frozen=True, tag="file-chunk"):
    """Those bytes; one buffer."""

    job_id: JobId
    name: FileName
    offset: Count


ClientMessage = (
    Hello
    | Submit
    | Follow
    | GetStatus
    | ListJobs
    | Cancel
    | Fetched
    | Prune
    | GetServerStats
    | Ping
    | UploadChunk
    | ReadChunk
)
ServerMessage = (
    Welcome
    | Refused
    | JobStatus
    | Jobs
    | StateEvent
    | Progress
    | Pong
    | Pruned
    | ServerStats
    | UploadReceived
    | FileChunk
)
