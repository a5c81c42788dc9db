"""How a process that the server has started talks with it, and ends with it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import IO

from blender_addon.core.printable import escape_unknown_letters

PR_SET_PDEATHSIG = 1
"""The option of Linux' prctl that names the signal sent when the parent dies."""


def take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Standard input and output for messages with the server; what is printed then goes to standard error."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    escape_unknown_letters(sys.stdout)
    return source, sink


def die_with_parent() -> None:
    """On Linux: be killed with the parent even when something holds the interpreter and nobody reads the pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
