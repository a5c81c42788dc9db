"""The end of a process that tests have imported Blender into."""

from __future__ import annotations

import atexit
import os
import sys


class LeaveWithoutBlender:
    """A plugin of pytest: when Python ends, the process ends without Blender's own end, which may never come.

    Blender 4.5 keeps a thread that waits for sound devices. It is told to stop when the module `bpy` is freed; where
    something still refers to the module, as pytest's fixtures and reports do, C++ destroys what the thread waits on
    and the process hangs. What was registered with `atexit` later than this has run by then, the rest is left out.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._status: int | None = None
        atexit.register(self._leave)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._status = int(exitstatus)

    def _leave(self) -> None:
        if "bpy" in sys.modules and self._status is not None and os.getpid() == self._process:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self._status)
