"""Another Python process that answers each line of its input by a line: the side of who asks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from blender_addon.core.child_text import child_environment
from blender_addon.core.errors import ServiceError

T = TypeVar("T")
END_SECONDS = 60.0
"""How long one may take to end after its input has."""
TAIL = 3
"""Lines of its log that an error quotes."""


class Helper:
    """A running process.

    Args:
        process: with pipes.
        log: the file of its standard error.
    """

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def ask(self, question: msgspec.Struct, answer: type[T]) -> T:
        """Send a line of JSON and wait for one.

        Raises:
            ServiceError: the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(msgspec.json.encode(question).decode() + "\n")
            self._process.stdin.flush()
        except OSError:
            pass
        line = self._process.stdout.readline()
        if not line:
            said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
            raise ServiceError("A process of the measurement has ended", " | ".join(said))
        return msgspec.json.decode(line, type=answer)


@contextmanager
def helper(module: str, log: Path, environment: Mapping[str, str]) -> Iterator[Helper]:
    """Run `python -m MODULE` while the context lasts; its input ends with it, or with this process.

    Args:
        module: its full name.
        log: the file for its standard error.
        environment: variables beside those of this process.
    """
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            env=child_environment(environment),
        ) as process,
    ):
        try:
            yield Helper(process, log)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
