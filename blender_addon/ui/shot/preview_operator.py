"""Rendering a preview, or estimating its coverage, before anything is sent."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...core.errors import RealCamError
from ...core.unforeseen import in_words
from ...generation.job_run import Slices
from ...generation.jobs import jobs
from ...generation.shot_job import RenderedPreview, estimated_coverage, preview_slices
from ..operator_result import OperatorResult
from ..preview_state import preview_state
from ..redraw import redraw
from .requests import fingerprint, left_out, shot_problems, shot_request


def _can_be_seen(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    found = [problem.sentence for problem in shot_problems(context.scene) if problem.severity == "error"]
    if found:
        cls.poll_message_set(found[0])
    return not found


class EstimateCoverage(bpy.types.Operator):
    """Estimate at once, without rendering, how much of each frame the photo can see"""

    bl_idname = "realcam.coverage"
    bl_label = "Estimate Coverage"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only for a shot that can be made."""
        return _can_be_seen(cls, context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Into the panel."""
        preview_state.keep_estimate(estimated_coverage(shot_request(context.scene)), fingerprint(context.scene))
        redraw()
        return {"FINISHED"}


class RenderPreview(bpy.types.Operator):
    """Render the clip's frames as the photo alone shows them, and how much of each it can see"""

    bl_idname = "realcam.preview"
    bl_label = "Render Preview"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only for a shot that can be rendered, and one rendering at a time."""
        if jobs.busy or preview_state.total:
            cls.poll_message_set("A shot or a preview is under way")
            return False
        return _can_be_seen(cls, context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """All at once in background Blender, else a frame at each tick of a timer."""
        if not bpy.app.background:
            return self.invoke(context, None)
        self._warn(context.scene)
        self._of = fingerprint(context.scene)
        self._slices: Slices[RenderedPreview] = preview_slices(shot_request(context.scene))
        while not (result := self._slice()):
            pass
        return result

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event | None) -> OperatorResult:
        """Start the timer."""
        self._warn(context.scene)
        self._of = fingerprint(context.scene)
        self._slices = preview_slices(shot_request(context.scene))
        preview_state.cancelled = False
        manager = context.window_manager
        self._timer = manager.event_timer_add(0.01, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """A frame at a time; every key and click goes on to Blender. Cancel is a button of the panel."""
        if preview_state.cancelled:
            self._slices.close()
            return self._end(context, {"CANCELLED"})
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        result = self._slice()
        redraw()
        # Passed on as well: Blender's own timers come here too, and panels move by one.
        return self._end(context, result) if result else {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator itself: another file is opened, or it quits."""
        self._slices.close()
        self._end(context, {"CANCELLED"})

    def _warn(self, scene: bpy.types.Scene) -> None:
        for sentence in left_out(scene):
            self.report({"WARNING"}, sentence)

    def _slice(self) -> OperatorResult:
        """Render a frame; empty while there are more."""
        try:
            with in_words("The preview stopped"):
                return self._next_frame()
        except RealCamError as error:
            preview_state.done = preview_state.total = 0
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}

    def _next_frame(self) -> OperatorResult:
        try:
            progress = next(self._slices)
        except StopIteration as finished:
            preview_state.keep(finished.value, self._of)
            preview_state.done = preview_state.total = 0
            return {"FINISHED"}
        preview_state.done, preview_state.total = progress.done, progress.total
        return set()

    def _end(self, context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        preview_state.done = preview_state.total = 0
        context.window_manager.event_timer_remove(self._timer)
        redraw()
        return result


class CancelPreview(bpy.types.Operator):
    """Stop rendering the preview"""

    bl_idname = "realcam.cancel_preview"
    bl_label = "Cancel"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only while one is rendered."""
        return bool(preview_state.total)

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Before its next frame."""
        preview_state.cancelled = True
        return {"FINISHED"}


CLASSES = (EstimateCoverage, RenderPreview, CancelPreview)
