"""The process that runs engines: `python -m server.service.workers.worker module:function`.

It reads jobs from standard input and reports on standard output; whatever an engine prints goes to standard error. It
ends when its input ends, so that no worker outlives its server.
"""

from __future__ import annotations

import errno
import importlib
import logging
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, NoReturn, cast

import msgspec
import psutil

from blender_addon.core.arrays import UInt8
from blender_addon.core.atomic_file import sync_file, sync_folder
from blender_addon.core.errors import EngineError, RealCamError, ServiceError
from blender_addon.core.payloads.check_request import CheckRequest
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.depth_request import DepthRequest
from blender_addon.core.payloads.payload import JobPayload, decode_payload
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.messages import Progress, ResultFile
from server.engines.engine import (
    AnyEngine,
    Cancelled,
    CheckEngine,
    DepthEngine,
    Engine,
    Paused,
    ReleasableEngine,
    ResumableEngine,
    needs_of,
)
from server.service.jobs.engine_pace import clip_pixels
from server.service.jobs.job_files import MANIFEST, Manifest
from server.service.logs import set_up_logs
from server.service.workers.clip_files import encode_jpeg, write_check_files, write_clip_files, write_depth_files

from . import worker_messages as pipe
from .checkpoints import FileCheckpoints
from .child_process import die_with_parent, take_pipes

log = logging.getLogger("realcam.worker")

HEARTBEAT_SECONDS = 1.0
"""Time between two heartbeats."""
STEP_INTERVAL = 0.1
"""Shortest time between two reports of progress, seconds."""
PREVIEW_INTERVAL = 0.5
"""Shortest time between two reports with a preview, seconds."""
DISK_FULL = "The server's disk is full: what was made could not be written. Make room there and send it again."
NO_MEMORY = "The engine ran out of memory on the server. A smaller or shorter clip takes less."
LONGEST_REASON = 2000
"""Characters of an error that are passed on."""
ASKED = {Shot: "clips", DepthRequest: "depth", CheckRequest: "camera checks"}
"""What a payload asks for, and what an engine makes, in the words of messages."""
EngineMakers = dict[str, Callable[[], AnyEngine]]
"""Functions that make an engine, by its name."""


WriteFiles = Callable[[Path], tuple[ResultFile, ...]]
"""Writes and syncs an engine's results into an existing, empty folder."""


class Worker:
    """Runs one job after another. Made and run on the process's main thread.

    Args:
        source: messages of the server.
        sink: messages to the server.
        makers: make the engines, by name.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes], makers: EngineMakers) -> None:
        self._source = source
        self._sink = sink
        self._sink_lock = threading.Lock()
        self._engines: dict[str, AnyEngine] = {name: make() for name, make in makers.items()}
        self._jobs: queue.SimpleQueue[pipe.RunJob] = queue.SimpleQueue()
        self._cancelled: set[tuple[str, int]] = set()
        self._pausing = threading.Event()
        self._told: tuple[EngineCapability, ...] = ()

    def run(self) -> None:
        """Run jobs until standard input ends, which ends the process."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._told = tuple(engine.capability for engine in self._engines.values())
        needs = {told.name: needs_of(engine) for told, engine in zip(self._told, self._engines.values(), strict=True)}
        self._send(pipe.Ready(pid=os.getpid(), engines=self._told, needs=needs))
        threading.Thread(target=self._beat, daemon=True).start()
        while True:
            job = self._jobs.get()
            self._run_job(job)
            self._tell_changes(job.engine)

    def _tell_changes(self, name: str) -> None:
        """Tell the server what a depth predictor can do now, if a job has changed it."""
        engine = self._engines.get(name)
        if not isinstance(engine, DepthEngine):
            return
        now = engine.capability
        told = tuple(now if before.name == name else before for before in self._told)
        if told != self._told:
            self._told = told
            self._send(pipe.EnginesChanged(engines=told))

    def _run_job(self, job: pipe.RunJob) -> None:
        key = (job.job_id, job.attempt)
        try:
            self._make(job)
        except Cancelled:
            self._send(pipe.Stopped(job_id=job.job_id, attempt=job.attempt))
        except Paused:
            self._send(pipe.Suspended(job_id=job.job_id, attempt=job.attempt))
        except RealCamError as error:
            self._send(pipe.Failed(job_id=job.job_id, attempt=job.attempt, reason=error.sentence[:LONGEST_REASON]))
        except MemoryError:
            self._give_up(job, NO_MEMORY)
        except OSError as error:
            if error.errno in (errno.ENOMEM, errno.EAGAIN):
                # For instance, FFmpeg finds no memory for its threads.
                self._give_up(job, NO_MEMORY)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                log.exception("the engine failed", extra={"job": job.job_id, "attempt": job.attempt})
                self._give_up(job, f"The engine stopped: {error}.")
            self._send(pipe.Failed(job_id=job.job_id, attempt=job.attempt, reason=DISK_FULL))
        except Exception as error:
            # An engine may be third-party code: whatever it raises ends this attempt and this process, with a reason.
            log.exception("the engine failed", extra={"job": job.job_id, "attempt": job.attempt})
            self._give_up(job, f"The engine stopped with {type(error).__name__}: {str(error)[:500]}")
        finally:
            self._cancelled.discard(key)

    def _make(self, job: pipe.RunJob) -> None:
        started = time.monotonic()
        payload = decode_payload(Path(job.payload).read_bytes(), job.limits)
        report = Reporter(self._send, job, lambda: self._is_cancelled(job))
        write = self._answer(job, payload, report)
        seconds = time.monotonic() - started
        if self._is_cancelled(job):
            raise Cancelled
        self._send(pipe.ClipMade(job_id=job.job_id, attempt=job.attempt))
        made = _store(Path(job.work), job, write, seconds, clip_pixels(payload, self._engines[job.engine].capability))
        self._send(pipe.Finished(job_id=job.job_id, attempt=job.attempt, **made.facts))

    def _answer(self, job: pipe.RunJob, payload: JobPayload, report: OnProgress) -> WriteFiles:
        """Have the engine make what the payload asks for.

        Returns:
            The function that writes the result into a folder.

        Raises:
            EngineError: the engine does not make this, or cannot; what `report` raises passes through.
        """
        engine = self._engines[job.engine]
        self._make_room_for(engine)
        match payload, engine:
            case DepthRequest(), DepthEngine():
                return partial(write_depth_files, result=engine.estimate(payload, report))
            case CheckRequest(), CheckEngine():
                return partial(write_check_files, result=engine.check(payload, report))
            case Shot(), ResumableEngine():
                checkpoints = FileCheckpoints(Path(job.checkpoints), self._pausing.is_set)
                return _written(engine.generate_resumable(payload, report, checkpoints), payload)
            case Shot(), Engine():
                return _written(engine.generate(payload, report), payload)
        raise EngineError(
            f"The engine {job.engine} makes {_makes(engine)}, not {ASKED[type(payload)]}", "", "Choose another engine."
        )

    def _make_room_for(self, engine: AnyEngine) -> None:
        """Have the others give back the memory of their networks, where this one needs a card's."""
        if needs_of(engine).cards == 0:
            return
        for other in self._engines.values():
            if other is not engine and isinstance(other, ReleasableEngine):
                other.release()

    def _is_cancelled(self, job: pipe.RunJob) -> bool:
        return (job.job_id, job.attempt) in self._cancelled

    def _give_up(self, job: pipe.RunJob, reason: str) -> NoReturn:
        """Report why and end this process: the engine may have left it in any state."""
        self._send(pipe.Failed(job_id=job.job_id, attempt=job.attempt, reason=reason, broken=True))
        os._exit(3)

    def _listen(self) -> None:
        while (data := pipe.read(self._source)) is not None:
            message = pipe.to_worker.decode(data)
            if isinstance(message, pipe.RunJob):
                self._jobs.put(message)
            elif isinstance(message, pipe.Pause):
                self._pausing.set()
            else:
                self._cancelled.add((message.job_id, message.attempt))
        os._exit(0)

    def _beat(self) -> None:
        process = psutil.Process()
        while True:
            self._send(pipe.Heartbeat(memory=process.memory_info().rss))
            time.sleep(HEARTBEAT_SECONDS)

    def _send(self, message: pipe.FromWorker) -> None:
        with self._sink_lock:
            try:
                pipe.write(self._sink, message)
            except OSError:
                os._exit(0)


class Reporter:
    """The `report` function of an engine: passes on its progress with an estimate of the time left.

    A preview that comes too soon after another report is sent with the next one.

    Args:
        send: sends a message to the server.
        job: the running job.
        cancelled: whether the job has been cancelled.
        clock: seconds.
    """

    def __init__(
        self,
        send: Callable[[pipe.FromWorker], None],
        job: pipe.RunJob,
        cancelled: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._job = job
        self._cancelled = cancelled
        self._clock = clock
        self._reported = self._pictured = -math.inf
        self._picture: UInt8 | None = None
        self._total = 0
        self._counted: tuple[float, int] | None = None
        """When a step was told first, and how many were done then: neither an earlier attempt's, nor the time to load a
        network and read the words, say how long the others take. None before."""

    def __call__(self, report: JobProgress) -> None:
        """Pass on a report, unless another was sent less than STEP_INTERVAL ago.

        Raises:
            Cancelled: the job has been cancelled.
        """
        if self._cancelled():
            raise Cancelled
        if report.preview is not None:
            self._picture = report.preview
        now = self._clock()
        last = report.done >= report.total
        if now - self._reported < STEP_INTERVAL and not last:
            return
        self._reported = now
        preview = b""
        if self._picture is not None and now - self._pictured >= PREVIEW_INTERVAL:
            self._pictured = now
            preview, self._picture = encode_jpeg(self._picture), None
        told = replace(report, seconds_left=self._seconds_left(report, now), jpeg=preview, attempt=self._job.attempt)
        self._send(
            pipe.Step(
                job_id=self._job.job_id,
                attempt=self._job.attempt,
                progress=Progress.of(self._job.job_id, told),
                preview=preview,
            )
        )

    def _seconds_left(self, report: JobProgress, now: float) -> float | None:
        """The seconds that the steps after this one take, by those before; None where there are none to go by."""
        if report.total != self._total:
            # Another measure, megabytes after steps for instance: what is left of it is estimated anew.
            self._total, self._counted = report.total, None
        if self._counted is None:
            self._counted = (now, report.done) if report.done > 0 else None
            return None
        since, before = self._counted
        steps = report.done - before
        return (now - since) / steps * (report.total - report.done) if steps > 0 else None


def _makes(engine: AnyEngine) -> str:
    match engine:
        case DepthEngine():
            return ASKED[DepthRequest]
        case CheckEngine():
            return ASKED[CheckRequest]
        case Engine():
            return ASKED[Shot]


def _written(clip: Clip, shot: Shot) -> WriteFiles:
    """The function that writes the clip.

    Raises:
        EngineError: the clip has another shape or dtype than the one asked for.
    """
    wanted = (len(shot.trajectory), shot.trajectory.height, shot.trajectory.width, 3)
    if clip.frames.shape != wanted or clip.frames.dtype != "uint8":
        raise EngineError(
            "The engine made another clip than the one asked for",
            f"expected {list(wanted)} uint8, got {list(clip.frames.shape)} {clip.frames.dtype}",
        )
    return partial(write_clip_files, clip=clip)


def _store(folder: Path, job: pipe.RunJob, write: WriteFiles, seconds: float, clip_pixels: int) -> Manifest:
    """The manifest of the result files, after writing and syncing them, then it, then their folders."""
    folder.mkdir(parents=True)
    manifest = Manifest(
        job_id=job.job_id,
        attempt=job.attempt,
        engine_seconds=seconds,
        results=write(folder),
        clip_pixels=clip_pixels,
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    sync_file(folder / MANIFEST)
    for inner in filter(Path.is_dir, folder.iterdir()):
        sync_folder(inner)
    sync_folder(folder)
    return manifest


def load_makers(name: str) -> EngineMakers:
    """The engine makers that `module:function` returns. The name only ever comes from who starts the server, never from
    a client.

    Raises:
        ServiceError: there is no such module or function.
    """
    module, _, function = name.partition(":")
    if not (module and function):
        raise ServiceError(f"{name!r} names no engines", "", "Write --engines module:function.")
    try:
        maker = getattr(importlib.import_module(module), function, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            # An import inside the engines' module failed: its author needs the traceback.
            raise
        raise ServiceError(
            f"{name!r} names no engines",
            f"there is no module {error.name}",
            "Mend --engines, or set PYTHONPATH to where it is.",
        ) from error
    if not callable(maker):
        raise ServiceError(
            f"{name!r} names no engines", f"{module} has no function {function}", "Mend --engines module:function."
        )
    return cast("EngineMakers", maker())


def main() -> None:
    """Run a worker with the engines named by the first argument; a second argument `json` sets the log format."""
    die_with_parent()
    set_up_logs("json" if sys.argv[2:] == ["json"] else "text")
    source, sink = take_pipes()
    try:
        makers = load_makers(sys.argv[1])
    except ServiceError as error:
        pipe.write(sink, pipe.NoEngines(reason=error.sentence))
        return
    Worker(source, sink, makers).run()


if __name__ == "__main__":
    main()
