"""The server process that the add-on starts when nobody answers on this machine. No bpy: any thread may use it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from ..core.child_text import child_environment
from ..core.errors import IN_USE, ErrorCode, ServiceError
from ..core.printable import printable
from ..core.programs import WINDOWS, find_program, join_command, kept_in, split_command, unquoted_path
from ..core.protocol.server_address import ServerAddress

COMMAND_VARIABLE = "REALCAM_SERVER_COMMAND"
"""The environment variable whose command goes before the preference's."""
DEFAULT_COMMAND = "realcam serve"
CARRIED = Path(__file__).parents[1] / "carried_server" / "start.py"
"""Starts the server in the extension's zip. In a checkout there is none."""
_BOX = "╭╮╰╯│─"
LOG_BYTES = 16 * 1024
"""How much of the end of the log is read for an error sentence."""


def server_command(preference: str, address: ServerAddress) -> tuple[str, ...]:
    """The command that starts a server at an address.

    It is the environment's, else the preference's, else the one that the add-on carries, else `realcam serve`.

    Args:
        preference: The preference's command line, "" for none.
        address: The host and ports that the server shall listen on.

    Returns:
        The words of the command. The program is looked up here, so that an error can name what is missing.

    Raises:
        ServiceError: The command line cannot be read, or its program not be found.
    """
    text = os.environ.get(COMMAND_VARIABLE) or preference
    words = carried_server() if not text and CARRIED.is_file() else _named_command(text or DEFAULT_COMMAND)
    where = ("--host", address.host, "--port", str(address.control_port), "--data-port", str(address.data_port))
    return (*words, *where, "--die-with-parent")


def carried_server() -> tuple[str, ...]:
    """The command that starts the server in the extension's zip by Blender's own Python.

    Raises:
        ServiceError: A package of the extension, or Blender's Python, is not where it should be.
    """
    found = {name: importlib.util.find_spec(name) for name in ("zmq", "av", "PIL", "numpy")}
    missing = [name for name, spec in found.items() if spec is None or spec.origin is None]
    if missing:
        raise ServiceError(
            "The add-on's own server cannot be started",
            f"{', '.join(missing)} of the extension is missing",
            "Install the extension again, from the zip of this platform.",
        )
    folders = dict.fromkeys(str(Path(spec.origin).parents[1]) for spec in found.values() if spec and spec.origin)
    return (blenders_python(), str(CARRIED), os.pathsep.join(folders))


def blenders_python() -> str:
    """The path of the Python program that Blender brings.

    Raises:
        ServiceError: It is not there.
    """
    named = Path(sys.executable)
    beside = sorted(Path(sys.prefix, "bin").glob("python3*"))
    candidates = [named, *beside] if named.name.lower().startswith("python") else beside
    for program in candidates:
        if program.is_file():
            return str(program)
    raise ServiceError(
        "The add-on's own server cannot be started",
        f"this Blender has no Python program of its own in {Path(sys.prefix, 'bin')}",
        'Install the server as a tool (README, "A server with a GPU") and choose it in the add-on\'s preferences.',
    )


def installed_realcam() -> Path | None:
    """The command `realcam` of an installed server, None when there is none."""
    # With its ending: one look a folder.
    return find_program("realcam.exe" if os.name == WINDOWS else "realcam")


def _named_command(text: str) -> tuple[str, ...]:
    """The words of a command line, its program looked up.

    Raises:
        ServiceError: It cannot be read, or its program not be found.
    """
    try:
        words = split_command(text)
    except ValueError as error:
        raise ServiceError(
            "The server command cannot be read", f"{text!r}: {error}", "Mend it in the add-on's preferences."
        ) from error
    program = find_program(words[0]) if words else None
    if program is None:
        raise _no_program(text, words[0] if words else text)
    return (str(program), *words[1:])


def _no_program(text: str, name: str, platform: str = os.name) -> ServiceError:
    """The error of a command line whose program is not there: where it was looked for, or which quotes it lacks."""
    path = unquoted_path(text, platform)
    if path:
        return ServiceError(
            "The server command cannot be read",
            f"the path of its program has a blank in it: {path}",
            f"Put quotation marks around it in the add-on's preferences: {join_command([path], platform)}",
        )
    if platform == WINDOWS and name.startswith("'"):
        return ServiceError(
            "The server command cannot be read",
            f"it begins with {name}, and on Windows a single quotation mark is an ordinary letter",
            "Put double quotation marks (\") around the path in the add-on's preferences.",
        )
    if Path(name).name != name:
        why = f"there is no program {name}"
    else:
        why = f"there is no program {name!r} in the folders of Blender's PATH, nor in " + ", ".join(map(str, kept_in()))
    return ServiceError(
        "No server answers and none could be started",
        why,
        "Choose On This Computer in the add-on's preferences, or set My Own Command there to one that begins with the "
        "program's whole path (for example: /path/to/uv run --directory /path/to/realcam realcam serve).",
    )


class LocalServer:
    """A server process that the add-on started, its output in a log file.

    It ends with `stop`, or by itself when Blender is gone: told --die-with-parent, it watches its standard input.
    """

    def __init__(self, command: tuple[str, ...], log: Path) -> None:
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process if it does not run, and return at once; connecting shows whether it answers.

        Raises:
            ServiceError: The process or its log cannot be started.
        """
        if self.running:
            return
        again = self._process is not None
        self.stop()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        try:
            # The log of a server that died is worth more than a short file.
            with self._log.open("ab" if again else "wb") as log:
                self._process = self._spawn(log)
        except OSError as error:
            raise ServiceError(
                "The local server could not be started",
                f"{join_command(self._command)}: {error.strerror or error}",
                "Check Server Command in the add-on's preferences.",
            ) from error

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log_bytes(self) -> int:
        """The size of the log."""
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def check(self) -> None:
        """Raise an error when the process has ended by itself.

        Raises:
            ServiceError: It has; the error holds the end of its log. Its code is STORE_IN_USE where another server has
                the port or the data folder; that one may be about to end.
        """
        if self._process is None or self.running:
            return
        code = self._process.returncode
        if code == IN_USE:
            raise ServiceError(
                "Another server is in the way of the local one",
                self.log_tail(1),
                "If Blender started it earlier and is gone, end it (its process is Python's), or restart the computer.",
                code=ErrorCode.STORE_IN_USE,
            )
        raise ServiceError(
            "The local server stopped by itself",
            f"exit code {code}; its last words: {self.log_tail() or '(none)'}",
            f"Its whole log is {self._log}.",
        )

    def log_tail(self, lines: int = 2) -> str:
        """The last lines the server wrote, joined by ' | '; the frames of boxes that terminals draw are left out."""
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - LOG_BYTES))
                text = log.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        written = [line.strip() for line in text.splitlines() if line.strip(_BOX + " ") and line[0] not in _BOX]
        return printable(" | ".join(written[-lines:]))

    def stop(self, patience: float = 5.0) -> None:
        """End the process: by closing its input, which lets it finish what it writes; then by force.

        On Windows no process can be asked to end in another way, and what was started may be a launcher (uv.exe): ended
        by force, that would leave the server itself behind.

        Args:
            patience: Seconds after which it is terminated, and again as many after which it is killed.
        """
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        for end in (process.terminate, process.kill):
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                end()
            else:
                return
        process.wait()

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        # Blender's own Python must not leak into the server's.
        environment = {k: v for k, v in child_environment().items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) if sys.platform == "win32" else 0
        return subprocess.Popen(
            self._command,
            # Never written to: --die-with-parent ends the server when this pipe closes, however Blender ends.
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            creationflags=flags,
        )
