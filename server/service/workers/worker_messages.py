"""What the server and its worker process say to each other, over the worker's standard input and output.

Each message is a length (uint32 LE) and as many bytes of msgpack.
"""

from __future__ import annotations

import struct
from typing import IO

import msgspec

from blender_addon.core.errors import WireError
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.messages import Limits, Progress, ResultFile

LONGEST = 8 * 1024 * 1024


class WorkerMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Subclasses carry their own name as tag."""


# --- to the worker ------------------------------------------------------------------------------------------------


class RunJob(WorkerMessage, frozen=True, tag="run"):
    """Make this clip. `work` is an empty place of this attempt's own, `checkpoints` one that outlives attempts.
    limits: those the shot was taken by."""

    job_id: str
    attempt: int
    engine: str
    payload: str
    work: str
    checkpoints: str
    limits: Limits


class CancelJob(WorkerMessage, frozen=True, tag="cancel"):
    """Stop within a step."""

    job_id: str
    attempt: int


class Pause(WorkerMessage, frozen=True, tag="pause"):
    """The server is stopping: checkpoint at the next step, if the engine can, and leave off."""


# --- from the worker ----------------------------------------------------------------------------------------------


class Ready(WorkerMessage, frozen=True, tag="ready"):
    """Engines are loaded by name; jobs may come."""

    pid: int
    engines: tuple[EngineCapability, ...]


class NoEngines(WorkerMessage, frozen=True, tag="no-engines"):
    """There is nothing by the name of the engines, in words: the process ends, and another would."""

    reason: str


class Heartbeat(WorkerMessage, frozen=True, tag="heartbeat"):
    """The process turns, whatever its engine does. `memory`: resident bytes."""

    memory: int


class Step(WorkerMessage, frozen=True, tag="step"):
    """One step of the engine, as it goes over the wire; `preview` is a JPEG or empty."""

    job_id: str
    attempt: int
    progress: Progress
    preview: bytes


class ClipMade(WorkerMessage, frozen=True, tag="clip-made"):
    """The engine is done; the files are being written."""

    job_id: str
    attempt: int


class Finished(WorkerMessage, frozen=True, tag="finished"):
    """The files are written and synced, in the folder given."""

    job_id: str
    attempt: int
    engine_seconds: float
    results: tuple[ResultFile, ...]


class Stopped(WorkerMessage, frozen=True, tag="stopped"):
    """Cancelled, as asked."""

    job_id: str
    attempt: int


class Suspended(WorkerMessage, frozen=True, tag="left-off"):
    """Checkpointed, as asked by Pause."""

    job_id: str
    attempt: int


class Failed(WorkerMessage, frozen=True, tag="failed"):
    """The engine said no, in words. With `broken` the process is no longer to be trusted and ends."""

    job_id: str
    attempt: int
    reason: str
    broken: bool = False


ToWorker = RunJob | CancelJob | Pause
FromWorker = Ready | NoEngines | Heartbeat | Step | ClipMade | Finished | Stopped | Suspended | Failed

to_worker = msgspec.msgpack.Decoder(ToWorker)
from_worker = msgspec.msgpack.Decoder(FromWorker)


def write(stream: IO[bytes], message: ToWorker | FromWorker) -> None:
    """Raises OSError when the other side is gone."""
    data = msgspec.msgpack.encode(message)
    stream.write(struct.pack("<I", len(data)) + data)
    stream.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """The next message's bytes, or None at the end. Raises WireError on a length that cannot be."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    if length > LONGEST:
        raise WireError("The worker's pipe is out of step", f"a message of {length} bytes")
    data = stream.read(length)
    return data if len(data) == length else None
