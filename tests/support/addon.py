"""The add-on as a session of Blender has it: connected to a server, closed."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType

from tests.support.servers import PATIENCE


def forget_everything() -> None:
    """As if Blender had been closed: thread and local server end, records and jobs stay."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.jobs.runtime import runtime

    jobs.close()
    runtime.pending = ()


def connected(bpy: ModuleType, until: Callable[[], bool]) -> None:
    """Ask the server what it can do, as the button does, and wait for the answer."""
    from blender_addon.ui.jobs.runtime import pump

    bpy.ops.realcam.connect()
    deadline = time.monotonic() + PATIENCE
    while not until():
        pump()
        assert time.monotonic() < deadline
        time.sleep(0.01)
