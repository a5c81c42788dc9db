"""What every button that sends an errand does: in a window the job thread has it, in background Blender to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..core.errors import RealCamError
from ..generation.errand import Errand, ErrandRun, fetch_blocking
from ..generation.jobs import jobs
from .place_result import place_result
from .preferences import server_settings
from .runtime import pump, redraw, runtime, start_timer
from .takes_list import refresh_takes

if TYPE_CHECKING:
    from ..timeline.take import Take

Result = set[str]

STEP_SECONDS = 0.05

_waiting: list[ErrandRun] = []
"""The errand that waits for the server to answer, or is being put together: at most one."""


class ErrandOperator:
    """Mixed into an operator that says which errand."""

    def errand(self, context: bpy.types.Context) -> Errand:
        """What the panel asks for now. Raises RealCamError."""
        raise NotImplementedError

    def told(self, context: bpy.types.Context, take: Take | None) -> str:
        """What is said once it is placed."""
        raise NotImplementedError

    @classmethod
    def idle(cls) -> bool:
        """For poll: one job at a time."""
        if jobs.busy:
            cls.poll_message_set("A job is under way: wait until it is done, or cancel it")  # type: ignore[attr-defined]
        return not jobs.busy

    def execute(self, context: bpy.types.Context) -> Result:
        """Start; in background Blender the answer is placed before it returns."""
        report = self.report  # type: ignore[attr-defined]
        try:
            errand = self.errand(context)
            if bpy.app.background:
                report({"INFO"}, self.told(context, _to_the_end(context, errand)))
                return {"FINISHED"}
            _waiting[:] = [ErrandRun(jobs, errand, server_settings(), runtime.records())]
        except RealCamError as error:
            report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        start_timer()
        bpy.app.timers.register(_step, persistent=True)
        return {"FINISHED"}


def _to_the_end(context: bpy.types.Context, errand: Errand) -> Take | None:
    record = fetch_blocking(jobs, errand, server_settings(), runtime.records())
    try:
        placed = place_result(record, context.scene)
    except RealCamError as error:
        jobs.fail(error)
        raise
    jobs.placed()
    refresh_takes(context.scene, placed)
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
