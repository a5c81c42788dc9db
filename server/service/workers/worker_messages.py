"""The messages between the server and its worker process, over the worker's standard input and output.

Each message is a length (uint32 LE) and as many bytes of msgpack.
"""

from __future__ import annotations

import struct
from typing import IO

import msgspec

from blender_addon.core.errors import WireError
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.messages import Limits, Progress, ResultFile
from server.engines.engine import EngineNeeds

LONGEST = 8 * 1024 * 1024
"""Most bytes of a message."""


class WorkerMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all messages; each subclass gives its tag in the field `type`."""


# --- to the worker ------------------------------------------------------------------------------------------------


class RunJob(WorkerMessage, frozen=True, tag="run"):
    """Run this job.

    Attributes:
        job_id: the job.
        attempt: which attempt; every answer repeats it.
        engine: name of the engine.
        payload: path of the payload.
        work: path of this attempt's result folder, which does not exist yet.
        checkpoints: path of a folder that outlives attempts.
        limits: those that the payload was accepted with.
    """

    job_id: str
    attempt: int
    engine: str
    payload: str
    work: str
    checkpoints: str
    limits: Limits


class CancelJob(WorkerMessage, frozen=True, tag="cancel"):
    """Stop this attempt at its next step."""

    job_id: str
    attempt: int


class Pause(WorkerMessage, frozen=True, tag="pause"):
    """The server is stopping: an engine that can should save a checkpoint at its next step and stop."""


# --- from the worker ----------------------------------------------------------------------------------------------


class Ready(WorkerMessage, frozen=True, tag="ready"):
    """The engines are loaded; jobs may be sent.

    Attributes:
        pid: of the process.
        engines: what they can do.
        needs: what they need of a machine, by name.
    """

    pid: int
    engines: tuple[EngineCapability, ...]
    needs: dict[str, EngineNeeds] = {}


class EnginesChanged(WorkerMessage, frozen=True, tag="engines"):
    """What the engines can do now, a job having changed it: weights are there that were not."""

    engines: tuple[EngineCapability, ...]


class NoEngines(WorkerMessage, frozen=True, tag="no-engines"):
    """There are no engines of the given name, and why: the process ends, and another one would too."""

    reason: str


class Heartbeat(WorkerMessage, frozen=True, tag="heartbeat"):
    """The process is alive, whatever its engine does.

    Attributes:
        memory: resident bytes.
    """

    memory: int


class Step(WorkerMessage, frozen=True, tag="step"):
    """One step of the engine.

    Attributes:
        job_id: the job.
        attempt: the attempt.
        progress: as it goes over the wire.
        preview: a JPEG, or empty.
    """

    job_id: str
    attempt: int
    progress: Progress
    preview: bytes


class ClipMade(WorkerMessage, frozen=True, tag="clip-made"):
    """The engine is done; the files are being written."""

    job_id: str
    attempt: int


class Finished(WorkerMessage, frozen=True, tag="finished"):
    """The files are written and synced, in the folder `work` of RunJob.

    Attributes:
        job_id: the job.
        attempt: the attempt.
        engine_seconds: how long the engine took.
        results: the files, names relative to the folder.
        clip_pixels: of all frames of the clip together; 0 where none was made.
    """

    job_id: str
    attempt: int
    engine_seconds: float
    results: tuple[ResultFile, ...]
    clip_pixels: int = 0


class Stopped(WorkerMessage, frozen=True, tag="stopped"):
    """The attempt ended by CancelJob."""

    job_id: str
    attempt: int


class Suspended(WorkerMessage, frozen=True, tag="left-off"):
    """The attempt ended by Pause, with a checkpoint saved."""

    job_id: str
    attempt: int


class Failed(WorkerMessage, frozen=True, tag="failed"):
    """The attempt failed.

    Attributes:
        job_id: the job.
        attempt: the attempt.
        reason: in words.
        broken: whether the process is no longer to be trusted and ends.
    """

    job_id: str
    attempt: int
    reason: str
    broken: bool = False


ToWorker = RunJob | CancelJob | Pause
FromWorker = Ready | EnginesChanged | NoEngines | Heartbeat | Step | ClipMade | Finished | Stopped | Suspended | Failed

to_worker = msgspec.msgpack.Decoder(ToWorker)
from_worker = msgspec.msgpack.Decoder(FromWorker)


def write(stream: IO[bytes], message: WorkerMessage) -> None:
    """Write a message and flush.

    Raises:
        OSError: the other side is gone.
    """
    data = msgspec.msgpack.encode(message)
    stream.write(struct.pack("<I", len(data)) + data)
    stream.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """The bytes of the next message, None at the end of the stream.

    Raises:
        WireError: its length is above LONGEST.
    """
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    if length > LONGEST:
        raise WireError("The worker's pipe is out of step", f"a message of {length} bytes")
    data = stream.read(length)
    return data if len(data) == length else None
