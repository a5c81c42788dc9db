"""A server process of our own for the length of a `with`: what `realcam demo` and `realcam generate` start."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.server_address import ServerAddress

_READY = re.compile(r"ready on (?P<host>\S+):(?P<control>\d+) \(data (?P<data>\d+)\)")


@contextmanager
def local_service(data_dir: Path, log: Path, patience: float = 30.0) -> Iterator[ServerAddress]:
    """Start `realcam serve` on free ports of this machine and end it afterwards. Its talk goes to `log`.

    Raises ServiceError with the end of the log when it does not become ready within `patience` seconds.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "server.cli", "serve", "--port", "0", "--data-dir", str(data_dir)]
    with log.open("wb") as talk:
        process = subprocess.Popen(
            [*command, "--die-with-parent"], stdin=subprocess.PIPE, stdout=talk, stderr=subprocess.STDOUT
        )
    try:
        yield _address(process, log, time.monotonic() + patience)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path, deadline: float) -> ServerAddress:
    while time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        if found := _READY.search(text):
            return ServerAddress(found["host"], int(found["control"]), int(found["data"]))
        if process.poll() is not None:
            break
        time.sleep(0.02)
    tail = " | ".join(log.read_text(errors="replace").splitlines()[-4:])
    raise ServiceError("The server did not start", tail or "it said nothing", f"Its whole log is {log}.")
