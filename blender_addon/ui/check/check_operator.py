"""Check Camera: a take's clip goes to the server, the camera it shows comes back beside the artist's."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import FloatProperty

from ...camera_check.achieved_camera import check_of
from ...core.errors import RealCamError
from ...core.payloads.check_request import FEWEST_FRAMES
from ...datablocks import reference
from ...generation.check_job import CheckJob, photo_of_take
from ...generation.jobs import jobs
from ...timeline.take import Take
from ..jobs.analysis_operator import AnalysisOperator
from ..operator_result import OperatorResult
from ..takes.takes_list import selected_take


class CheckCamera(AnalysisOperator, bpy.types.Operator):
    """Find the camera that this take shows from its pictures, and show it beside the one it was asked to follow"""

    bl_idname = "realcam.check_camera"
    bl_label = "Check Camera"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One job at a time, and only a take that can be checked, by a server that can."""
        if not cls.idle():
            return False
        reason = why_not(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def job(self, context: bpy.types.Context) -> CheckJob:
        """The check of the selected take."""
        take = selected_take(context.scene)
        assert take is not None
        return CheckJob(reference(context.scene), take)

    def done_message(self, scene: bpy.types.Scene, take: Take | None) -> str:
        """What was found."""
        check = None if take is None else check_of(scene, take)
        return "The camera check is done" if check is None else " ".join(check.findings)


def why_not(scene: bpy.types.Scene) -> str:
    """Why the selected take cannot be checked, and what to do; "" when it can, as far as is known."""
    take = selected_take(scene)
    if take is None:
        return "No take is selected"
    if take.frames < FEWEST_FRAMES:
        return f"A camera cannot be found from {take.frames} frames: {FEWEST_FRAMES} are needed"
    try:
        photo_of_take(scene, take)
    except RealCamError as error:
        return error.sentence
    checker = next(iter(jobs.checkers), None)
    if checker is not None and checker.unavailable:
        return f"This server cannot check cameras: {checker.unavailable}"
    if checker is None and jobs.connected:
        return "This server cannot check cameras: update it"
    return ""


class GoToFrame(bpy.types.Operator):
    """Move the timeline to this frame, where the clip is furthest off its camera"""

    bl_idname = "realcam.go_to_frame"
    bl_label = "Go to Worst Frame"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    frame: FloatProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """The nearest whole frame: between frames nothing is shown."""
        context.scene.frame_set(round(self.frame))
        return {"FINISHED"}


CLASSES = (CheckCamera, GoToFrame)
