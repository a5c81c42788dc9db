"""Measure the speed of the wire, and what a job costs beside its engine, for `realcam bench`."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.client import Client
from blender_addon.core.version import COMMAND_LINE_SOFTWARE
from server.engines.engine import Engine
from server.terminal.local_service import local_service

ECHO = "echo"
"""Name of the engine of this measurement."""


@dataclass(frozen=True)
class WireFigures:
    """Medians over several jobs.

    Attributes:
        up: MB/s of a shot to the server.
        down: MB/s of its clip back.
        copy: MB/s of the shot's bytes over a bare TCP loopback connection.
        overhead: seconds of a job outside its engine, from submit to the last file on this disk.
        shot_bytes, clip_bytes: sizes of what was sent and received.
        jobs: how many were measured.
    """

    up: float
    down: float
    copy: float
    overhead: float
    shot_bytes: int
    clip_bytes: int
    jobs: int


class EchoEngine:
    """An engine that returns the preview's pixels at once, so that only the service's time is left."""

    @property
    def capability(self) -> EngineCapability:
        """Shots of one size and frame count."""
        return EngineCapability(
            name=ECHO, label="Echo", description="for measuring", sizes=((512, 320),), frame_counts=(16,)
        )

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        """The preview without its alpha, as a clip."""
        report(JobProgress(1, 1, "echo"))
        return Clip(shot.preview[..., :3].copy(), ClipMetadata.of(shot, engine=ECHO, engine_version="1"))


def engines() -> dict[str, Callable[[], Engine]]:
    """The factories for `realcam serve --engines server.bench.service:engines`."""
    return {ECHO: EchoEngine}


def measure_wire(shot: Shot, jobs: int = 5) -> WireFigures:
    """Send a shot through a server process several times, after once to warm up.

    Args:
        shot: its engine must be ECHO.
        jobs: how many are measured.
    """
    payload = encode_shot(shot)
    ups, downs, overheads, clip_bytes = [], [], [], 0
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        local_service(Path(folder) / "data", Path(folder) / "log", ("--engines", f"{__name__}:engines")) as address,
        Client(address, "bench", COMMAND_LINE_SOFTWARE) as client,
    ):
        client.connect()
        for number in range(jobs + 1):
            job_id = uuid.uuid4().hex
            started = time.perf_counter()
            client.submit(job_id, payload, ECHO)
            sent = time.perf_counter()
            for _ in client.follow(job_id):
                pass
            done = time.perf_counter()
            client.fetch(job_id, Path(folder) / "fetched" / job_id)
            ended = time.perf_counter()
            status = client.status(job_id)
            clip_bytes = sum(file.nbytes for file in status.results)
            if number > 0:
                ups.append(len(payload) / 1e6 / (sent - started))
                downs.append(clip_bytes / 1e6 / (ended - done))
                overheads.append(ended - started - status.engine_seconds)
    return WireFigures(
        median(ups), median(downs), _loopback_copy(payload), median(overheads), len(payload), clip_bytes, jobs
    )


def _loopback_copy(payload: bytes, times: int = 5) -> float:
    """Median MB/s of the bytes over a bare TCP connection within this machine, received completely."""
    speeds = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(times):
            with socket.create_connection(listener.getsockname()) as sender:
                receiver, _address = listener.accept()
                started = time.perf_counter()
                thread = threading.Thread(target=sender.sendall, args=(payload,))
                thread.start()
                buffer = memoryview(bytearray(len(payload)))
                with receiver:
                    while buffer.nbytes and (count := receiver.recv_into(buffer)):
                        buffer = buffer[count:]
                speeds.append(len(payload) / 1e6 / (time.perf_counter() - started))
                thread.join()
    return median(speeds)
