"""The types of all messages on the wire. framing.py turns them into frames and back.

The server has two ROUTER sockets: small messages go over `control` (so that a cancel never waits behind a video),
payloads and results go over `data`, in chunks. A payload is uploaded as one file and results are read as files, both by
offset, so that both can go on after a lost connection. PROTOCOL_VERSION is (major, minor): the major must match.
"""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from ..progress import JobProgress
from .capability import EngineCapability
from .worker_stats import WorkerStats

PROTOCOL_VERSION = (2, 0)

JOB_ID_PATTERN = r"\A[0-9a-z][0-9a-z-]{7,63}\Z"
JobId = Annotated[str, Meta(pattern=JOB_ID_PATTERN)]
"""Made by the client, for instance `uuid.uuid4().hex`. Lower case only, because it names files on any file system."""
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""SHA-256, hexadecimal."""
FileName = Annotated[str, Meta(pattern=r"\A(frames/)?[0-9a-z_]{1,64}\.(png|mp4|json|jpg|npz)\Z")]
"""The only form of a result file's name: never absolute, never with a parent folder."""
Count = Annotated[int, Meta(ge=0, le=2**48)]
LONGEST_STAGE = 200
"""Characters of a stage's name; longer ones are cut."""
Line = Annotated[str, Meta(max_length=200)]
EngineName = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9_.-]{0,63}\Z")]


class JobState(enum.StrEnum):
    """The state of a job; UNKNOWN where the server has no such job. server/service/jobs/job_states.py has
    the transitions.
    """

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
    """Why the server refused a request."""

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
    """What the server takes. WELCOME tells the client; the server checks them before it allocates memory.

    Attributes:
        header_bytes: of a message's header or a payload's.
        chunks_in_flight: chunks that a client may send or ask for ahead of the answers.
        side: pixels of a clip's longer side.
        photo_pixels: of a photo or a depth map.
    """

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
    """Jobs of one client that have not ended."""
    ended_jobs: int = 1000
    """Jobs of one client that ended without a clip and are kept; older ones are forgotten."""
    listed_jobs: int = 200
    listed_reason: int = 200
    """Characters of a reason in a list; GetStatus gives all of it."""
    pruned_jobs: int = 500
    """Most jobs that one Prune removes, the newest first: the server's loop stands meanwhile. A client asks again."""
    sessions: int = 256
    """Sessions in all; when there are more, one is closed."""
    followed_jobs: int = 64
    """Jobs that one session follows."""
    unread_messages: int = 256
    """Answers and state events that may wait for one client. One that falls further behind loses its
    session; it reconnects and asks again for what followed the last event it has.
    """


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """Base of all messages; each subclass gives its tag in the field `type`."""


# --- client to server, control ------------------------------------------------------------------------------------


class Hello(Message, frozen=True, tag="hello"):
    """First message of a session. `client_id` is the same after a restart of Blender; `protocol` is (major, minor)."""

    protocol: tuple[int, int]
    client_id: Line
    software: Line


class Submit(Message, frozen=True, tag="submit"):
    """Ask to send a job's payload. Answered with its JobStatus. `digest` is the SHA-256 of the payload of
    `nbytes` bytes.
    """

    job_id: JobId
    digest: Digest
    nbytes: Count
    engine: EngineName
    title: Line = ""


class Follow(Message, frozen=True, tag="follow"):
    """Ask for this job's state events after `after_sequence`, then for its progress as it comes."""

    job_id: JobId
    after_sequence: Count = 0


class GetStatus(Message, frozen=True, tag="get-status"):
    """Ask for the JobStatus of one job."""

    job_id: JobId


class ListJobs(Message, frozen=True, tag="list-jobs"):
    """Ask for this client's jobs, newest first."""


class Cancel(Message, frozen=True, tag="cancel"):
    """Ask to cancel a job. Answered with its JobStatus; a running job stops at its next step."""

    job_id: JobId


class Fetched(Message, frozen=True, tag="fetched"):
    """Say that this client has all results of a job: the server may forget them sooner. Answered with its JobStatus."""

    job_id: JobId


class Prune(Message, frozen=True, tag="prune"):
    """Ask to forget this client's jobs that ended more than `older_than` seconds ago. Answered with Pruned.

    Finished jobs whose results were not fetched stay, unless `unfetched`.
    """

    older_than: float
    unfetched: bool = False


class GetServerStats(Message, frozen=True, tag="get-facts"):
    """Ask for ServerStats."""


class Ping(Message, frozen=True, tag="ping"):
    """Ask for a Pong: a sign that the server's loop runs."""

    token: int


# --- server to client, control ------------------------------------------------------------------------------------


class Welcome(Message, frozen=True, tag="welcome"):
    """The session is open.

    Attributes:
        boot_id: another one after each restart of the server.
        session: token that data messages repeat.
        engines: what the engines can do, for this client.
    """

    protocol: tuple[int, int]
    software: str
    boot_id: str
    session: str
    limits: Limits
    engines: tuple[EngineCapability, ...]


class Refused(Message, frozen=True, tag="refused"):
    """A request was refused: what, why, and what to do. `job_id` is "" when the refusal is not about a job."""

    code: RefusalCode
    what: str
    why: str = ""
    remedy: str = ""
    job_id: str = ""


class ResultFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a finished job, its name relative to the job's results."""

    name: FileName
    nbytes: Count
    sha256: Digest


class JobStatus(Message, frozen=True, tag="job-status"):
    """The state of a job.

    As the answer to Submit: UPLOADING asks for bytes from `received` on; QUEUED or later means that the job is accepted
    and on disk. UNKNOWN means that the server has no such job. Times are seconds since the epoch.

    Attributes:
        attempt: how often it was started.
        received: bytes of the payload that the server has.
        sequence: number of its latest state event.
        finished_at: 0 before it has ended.
        fetched_at: 0 before its owner has all results.
        results: its files; empty in lists and before it is done.
    """

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
    """The answer to ListJobs: newest first, without their result files, as many as fit into one header."""

    jobs: tuple[JobStatus, ...]


class StateEvent(Message, frozen=True, tag="state-event"):
    """A job changed its state. Events are stored, and sent again after a reconnect.

    Attributes:
        sequence: number of the event, counted for each job from 1.
        at: seconds since the epoch.
    """

    job_id: JobId
    sequence: int
    state: JobState
    attempt: int
    at: float
    reason: str = ""


class Progress(Message, frozen=True, tag="progress"):
    """How far a job is. Only the latest is sent to a slow client. May carry one buffer, the latest preview as a JPEG.

    Attributes:
        attempt: the attempt, from 1; 0 while the job waits.
        seconds_left: None where it is not known.
        queue_place: jobs before this one.
        has_preview: whether a buffer comes with it.
    """

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
        """The message for a progress; its jpeg is not in it and goes beside it, as the buffer."""
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

    def to_job_progress(self, jpeg: bytes) -> JobProgress:
        """The progress in this message, with the preview that came beside it."""
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
    """The server's loop runs.

    Attributes:
        loop_lag: the longest recent turn of the loop, seconds.
        step_age: seconds since the running job's last step; None when no job runs.
        running: id of the running job, "" for none.
    """

    token: int
    boot_id: str
    loop_lag: float
    step_age: float | None = None
    queued: int = 0
    running: str = ""


class Pruned(Message, frozen=True, tag="pruned"):
    """How many jobs Prune removed, and the bytes of their results."""

    jobs: int
    nbytes: int


class ServerStats(Message, frozen=True, tag="facts", omit_defaults=True):
    """The server's statistics: seconds, bytes and counts. Nothing in it tells one client of another's jobs.

    Attributes:
        loop_lag: the longest recent turn of the loop.
        step_age: since the running job's last step; None when no job runs.
        refused_connections: refused for their key since the start.
        disk_promised: what accepted jobs may still write.
    """

    uptime: float
    loop_lag: float
    memory: int
    worker_memory: int
    worker_ready: bool
    running: bool
    step_age: float | None
    queued: int
    jobs: dict[str, int]
    """Number of jobs by state."""
    sessions: int
    refused_connections: int
    disk_free: int
    disk_promised: int
    suspended_engines: dict[str, str] = msgspec.field(name="engines_set_aside")
    """Engines that this client cannot use for now, and why."""
    workers: tuple[WorkerStats, ...] = ()


# --- data, both ways ----------------------------------------------------------------------------------------------


class UploadChunk(Message, frozen=True, tag="upload-chunk"):
    """Bytes of a payload from `offset` on; one buffer."""

    session: Line
    job_id: JobId
    offset: Count


class UploadReceived(Message, frozen=True, tag="upload-received"):
    """The server has the first `received` bytes of a payload. Once all are verified and on disk, `state` is QUEUED.

    `damaged`: all bytes were there and their checksum was wrong; they were deleted.
    """

    job_id: JobId
    received: Count
    state: JobState
    damaged: bool = False


class ReadChunk(Message, frozen=True, tag="read-chunk"):
    """Ask for `nbytes` of a result file from `offset` on."""

    session: Line
    job_id: JobId
    name: FileName
    offset: Count
    nbytes: Count


class FileChunk(Message, frozen=True, tag="file-chunk"):
    """The bytes that ReadChunk asked for; one buffer."""

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
