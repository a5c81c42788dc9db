"""Runs a server process: start it, wait until it accepts connections, end it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.server_address import ServerAddress
from server.service.ready_file import ServerReady, read_ready_file

REALCAM = ("-m", "server.cli")
"""The arguments with which Python runs the command `realcam`."""
POLL = 0.02
"""Seconds between two looks at the ready file."""
TAIL_LINES = 4
"""Lines of the log that an error quotes."""


class StartedServer(NamedTuple):
    """A server process that accepts connections, and the content of its ready file."""

    process: subprocess.Popen[bytes]
    ready: ServerReady


@contextmanager
def local_service(
    data_dir: Path,
    log: Path,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    patience: float = 30.0,
) -> Iterator[ServerAddress]:
    """The address of a server on free ports of this machine, which runs while the context lasts.

    Args:
        data_dir: where it keeps jobs.
        log: the file that its log is appended to.
        arguments: more arguments of `realcam serve`.
        environment: variables beside those of this process.
        patience: seconds until it must be ready.

    Raises:
        ServiceError: it ended or was not ready in time; with the end of the log.
    """
    arguments = ("--port", "0", "--data-dir", str(data_dir), *arguments)
    server = start_server(arguments, log, environment=environment, patience=patience)
    try:
        yield server.ready.address
    finally:
        end_server(server.process)


def start_server(
    arguments: Sequence[str],
    log: Path | None = None,
    *,
    program: Sequence[str] = REALCAM,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    patience: float = 30.0,
) -> StartedServer:
    """A server process that accepts connections; it ends with this process at the latest.

    Args:
        arguments: those of `realcam serve`, without --ready-file.
        log: the file that its log is appended to; None leaves its output where this process's goes.
        program: what Python runs, up to the verb.
        environment: variables beside those of this process.
        folder: its working directory; None for this process's.
        patience: seconds until it must be ready.

    Raises:
        ServiceError: it ended or was not ready in time; with the end of the log.
    """
    # A new folder for this start: no other server writes into it, and none has left a file there.
    place = tempfile.TemporaryDirectory(prefix="realcam-start-", ignore_cleanup_errors=True)
    with place as own, ExitStack() as unless_ready:
        ready_file = Path(own) / "ready.json"
        command = [sys.executable, *program, "serve", "--die-with-parent", "--ready-file", str(ready_file), *arguments]
        with ExitStack() as opened:
            if log is not None:
                log.parent.mkdir(parents=True, exist_ok=True)
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=None if log is None else opened.enter_context(log.open("ab")),
                stderr=None if log is None else subprocess.STDOUT,
                env=child_environment(environment),
                cwd=folder,
            )
        unless_ready.callback(end_server, process, 0.0)
        try:
            ready = wait_until_ready(ready_file, lambda: _check_lives(process), patience)
        except ServiceError as error:
            said = "" if log is None else _tail(log) or "it said nothing"
            where = "" if log is None else f"Its whole log is {log}."
            raise ServiceError("The server did not start", f"{error.why}; {said}".rstrip("; "), where) from error
        unless_ready.pop_all()
    return StartedServer(process, ready)


def wait_until_ready(ready_file: Path, check: Callable[[], None], patience: float = 30.0) -> ServerReady:
    """The content of the ready file of a server that was started with `--ready-file`.

    Args:
        ready_file: its path; there must have been no file before the start.
        check: called between two looks; raises when the server has ended.
        patience: seconds.

    Raises:
        ServiceError: the time is over, or the file is something else; what `check` raises passes through.
    """
    deadline = time.monotonic() + patience
    while (ready := read_ready_file(ready_file)) is None:
        check()
        if time.monotonic() > deadline:
            raise ServiceError("The server is not ready", f"it was not ready after {patience:g} s")
        time.sleep(POLL)
    return ready


def end_server(process: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """End a server of `start_server` as its parent's end would; kill it after `patience` seconds."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _check_lives(process: subprocess.Popen[bytes]) -> None:
    if (code := process.poll()) is not None:
        raise ServiceError("The server stopped by itself", f"it ended with code {code}")


def _tail(log: Path) -> str:
    return " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
