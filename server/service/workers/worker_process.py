"""The server's handle on its worker process: start it, send it messages, end it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Protocol

import msgspec

from blender_addon.core.errors import WireError
from server.service.logs import LogFormat

from . import worker_messages as pipe


@dataclass(frozen=True)
class WorkerExit:
    """The process has ended.

    Attributes:
        reason: how, in words.
    """

    reason: str


class RunningWorker(Protocol):
    """The server's handle on a worker's process, on this machine or another."""

    def send(self, message: pipe.ToWorker) -> None:
        """Send a message. To a worker that is gone nothing is sent; its WorkerExit follows."""
        ...

    def kill(self) -> None:
        """End the process now. WorkerExit follows."""
        ...

    def close(self, seconds: float) -> None:
        """End the process, and wait up to `seconds` for it."""
        ...


OnWords = Callable[[RunningWorker, pipe.FromWorker | WorkerExit], None]
"""Called with the worker and each of its messages."""


class WorkerProcess:
    """A running worker process.

    Args:
        engines: `module:function` that returns the engine makers.
        log_format: of the worker's log.
        post: called from a thread of its own with each message and, last, a WorkerExit.
        cards: the CUDA_VISIBLE_DEVICES of the process; None for that of this one.
    """

    def __init__(self, engines: str, log_format: LogFormat, post: OnWords, cards: str | None = None) -> None:
        self._post = post
        self._process = subprocess.Popen(
            [sys.executable, "-m", "server.service.workers.worker", engines, log_format],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=None if cards is None else {**os.environ, "CUDA_VISIBLE_DEVICES": cards},
            # A process group of its own: Ctrl-C in the server's terminal must reach the server alone.
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a worker without pipes")
        self._stdin: IO[bytes] = self._process.stdin
        self._stdout: IO[bytes] = self._process.stdout
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, message: pipe.ToWorker) -> None:
        """Send a message. To a worker that is gone nothing is sent; its WorkerExit follows."""
        with contextlib.suppress(OSError):
            pipe.write(self._stdin, message)

    def kill(self) -> None:
        """End the process and its children now. WorkerExit follows."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def close(self, seconds: float) -> None:
        """End the process, wait up to `seconds` for it, and close its pipes."""
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._reader.join(seconds)
        for stream in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                stream.close()

    def _read(self) -> None:
        broken = ""
        try:
            while (data := pipe.read(self._stdout)) is not None:
                self._post(self, pipe.from_worker.decode(data))
        except (WireError, msgspec.DecodeError) as error:
            broken = f"it sent something unreadable ({error})"
            self.kill()
        self._post(self, WorkerExit(broken or _exit_in_words(self._process.wait())))


def _exit_in_words(code: int) -> str:
    if os.name == "posix" and code == -signal.SIGKILL:
        return "it was killed, by hand or because the machine ran out of memory"
    if code < 0:
        return f"it crashed with {signal.Signals(-code).name}"
    return f"it ended with exit code {code}"
