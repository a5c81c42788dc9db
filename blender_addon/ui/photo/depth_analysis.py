"""The analysis of a photo's depth for cleaning, which takes seconds: a thread does it, and a button stops it."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, ClassVar

import bpy

from ...core.depth.cleaning.clean import STEPS, CleanDepth
from ...core.errors import RealCamError
from ...scene import PhotoScene, find_photo_scene
from ...scene.editing.cleaning import DepthToClean, analyse_depth, depth_to_clean, is_analysed, mark_depth
from ..operator_result import OperatorResult
from ..redraw import redraw
from .active_photo import ActivePhotoMixin, LeftEditMode, active_photo

TICK_SECONDS = 0.05


class DepthAnalysis:
    """An analysis in a thread of its own; its answer is taken when `done`.

    Attributes:
        step: How many of STEPS are done.
    """

    def __init__(self, asked: DepthToClean) -> None:
        self.asked = asked
        self.step = 0
        self._stopped = False
        threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="depth cleaning")
        self._answer: Future[CleanDepth] = threads.submit(asked.analyse, self._begins)
        threads.shutdown(wait=False)

    @property
    def done(self) -> bool:
        """Whether there is an answer, or none to wait for."""
        return self._answer.done()

    def answer(self) -> CleanDepth:
        """What was found; waits for it.

        Raises:
            CancelledError: The analysis was stopped.
            Exception: Whatever error ended the analysis in its thread.
        """
        return self._answer.result()

    @property
    def line(self) -> str:
        """The step under way in a few words, for a progress bar."""
        return f"Depth {self.step + 1}/{len(STEPS)}: {STEPS[self.step]}"

    def stop(self) -> None:
        """Stop after the step under way."""
        self._stopped = True

    def _begins(self, step: str) -> None:
        if self._stopped:
            raise CancelledError
        self.step = STEPS.index(step)


_under_way: list[DepthAnalysis] = []
"""The analysis under way: at most one."""


class AnalysesFirst(ActivePhotoMixin):
    """Mixed into an operator that needs the depth to have been analysed.

    A press of its button returns at once; the analysis runs in the background. A script, background Blender and a
    repetition of the operator (for which Blender waits) have it analysed before they go on.
    """

    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        """Needs a photo, and one analysis at a time."""
        if _under_way:
            cls.poll_message_set("The depth is being analysed: wait until it is done, or stop it")
            return False
        return bool(super().poll(context))

    def run_analysed(self, context: bpy.types.Context, photo: PhotoScene) -> None:
        """Do what the operator is for, outside Edit Mode, with an analysed depth.

        Raises:
            RealCamError: It cannot be done.
        """
        raise NotImplementedError

    def execute(self: Any, context: bpy.types.Context) -> OperatorResult:
        """Look if need be, and go on."""
        with LeftEditMode(context):
            if not is_analysed(active_photo(context)):
                analyse_depth(active_photo(context))
            self.run_analysed(context, active_photo(context))
        return {"FINISHED"}

    def invoke(self: Any, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Go on at once with a depth that was analysed, else begin the analysis."""
        with LeftEditMode(context):
            asked = None if is_analysed(active_photo(context)) else depth_to_clean(active_photo(context))
        if asked is None:
            return set(self.execute(context))
        self._analysis = DepthAnalysis(asked)
        self._shown = 0
        _under_way[:] = [self._analysis]
        self._timer = context.window_manager.event_timer_add(TICK_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def modal(self: Any, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Wait; every key and click goes on to Blender. Stop is a button of the panel and of the status bar."""
        analysis = self._analysis
        if analysis not in _under_way:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type != "TIMER" or not analysis.done:
            if analysis.step != self._shown:
                self._shown = analysis.step
                redraw()
            return {"PASS_THROUGH"}
        self.cancel(context)
        photo = find_photo_scene(context.scene)
        try:
            with LeftEditMode(context):
                if photo is None or is_analysed(photo) or not analysis.asked.is_still(photo):
                    self.report({"WARNING"}, "The photo's mesh was changed while its depth was analysed: press again")
                    return {"CANCELLED"}
                mark_depth(photo, analysis.answer())
                self.run_analysed(context, photo)
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        return {"FINISHED"}

    def cancel(self: Any, context: bpy.types.Context) -> None:
        """Leave nothing behind; Blender calls it too, when another file is opened or it quits."""
        if self._analysis in _under_way:
            stop()
        context.window_manager.event_timer_remove(self._timer)
        redraw()


class StopDepthAnalysis(bpy.types.Operator):
    """Stop looking at the depth. Nothing is changed"""

    bl_idname = "realcam.stop_depth_analysis"
    bl_label = "Stop"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only while there is something to stop."""
        if not _under_way:
            cls.poll_message_set("No depth is being analysed")
        return bool(_under_way)

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Stop; the operator that waits for it ends at its timer's next tick."""
        stop()
        redraw()
        return {"FINISHED"}


def draw_analysis(layout: Any, width: float = 0.0) -> bool:
    """Draw a bar with Stop while a depth is being analysed.

    Args:
        layout: Where it is drawn.
        width: The bar's, in Blender's UI units; 0 for as wide as there is room.

    Returns:
        Whether one is.
    """
    if not _under_way:
        return False
    analysis = _under_way[0]
    row = layout.row(align=True)
    bar = row.row()
    bar.ui_units_x = width
    bar.progress(text=analysis.line, factor=analysis.step / len(STEPS), type="BAR")
    row.operator("realcam.stop_depth_analysis", text="", icon="CANCEL")
    return True


def stop() -> None:
    """Stop the analysis under way."""
    for analysis in _under_way:
        analysis.stop()
    _under_way.clear()


CLASSES = (StopDepthAnalysis,)
