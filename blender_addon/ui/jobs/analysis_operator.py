"""What every button that sends an errand does: in a window the job thread has it, in background Blender to the end."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.errors import RealCamError
from ...generation.errand import Errand, ErrandRun, fetch_blocking, scene_of
from ...generation.jobs import jobs
from ...timeline.take import Take
from ..preferences import server_settings
from ..takes.takes_list import refresh_takes
from .job_operators import place_result
from .runtime import pump, redraw, runtime, start_timer

Result = set[str]

STEP_SECONDS = 0.05

_waiting: list[ErrandRun] = []
"""The errand that waits for the server to answer, or is being put together: at most one."""


class ErrandOperator:
    """Mixed into an operator that says which errand."""

    def errand(self, context: bpy.types.Context) -> Errand:
        """What the panel asks for now. Raises RealCamError."""
        raise NotImplementedError

    def told(self, scene: bpy.types.Scene, take: Take | None) -> str:
        """What is said once it is placed in its scene."""
        raise NotImplementedError

    @classmethod
    def idle(cls: Any) -> bool:
        """For poll: one job at a time."""
        if jobs.busy:
            cls.poll_message_set("A job is under way: wait until it is done, or cancel it")
        return not jobs.busy

    def execute(self: Any, context: bpy.types.Context) -> Result:
        """Start; in background Blender the answer is placed before it returns."""
        try:
            errand = self.errand(context)
            if bpy.app.background:
                placed = _to_the_end(errand)
                self.report({"INFO"}, self.told(scene_of(errand.scene), placed))
                return {"FINISHED"}
            _waiting[:] = [ErrandRun(jobs, errand, server_settings(), runtime.records())]
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        start_timer()
        bpy.app.timers.register(_step, persistent=True)
        return {"FINISHED"}


def _to_the_end(errand: Errand) -> Take | None:
    record = fetch_blocking(jobs, errand, server_settings(), runtime.records())
    scene = scene_of(record.scene)
    try:
        placed = place_result(record, scene)
    except RealCamError as error:
        jobs.fail(error)
        raise
    jobs.placed()
    refresh_takes(scene, placed)
    return placed


def stop() -> None:
    """Send nothing any more: the add-on is being disabled."""
    _waiting.clear()
    if bpy.app.timers.is_registered(_step):
        bpy.app.timers.unregister(_step)


def _step() -> float | None:
    """Timer: until the errand is handed to the job thread."""
    pump()
    more = bool(_waiting) and _waiting[0].step()
    redraw()
    if more:
        return STEP_SECONDS
    _waiting.clear()
    return None
