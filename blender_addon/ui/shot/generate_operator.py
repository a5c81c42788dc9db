"""Generate: connect, render the preview a frame at a time, hand the shot to the job thread."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...core.errors import RealCamError
from ...generation.blocking import generate_blocking
from ...generation.job_run import JobRun
from ...generation.jobs import jobs
from ...generation.shot_job import ShotJob
from ...timeline.shown_take import where_shown
from ...timeline.view_transform import colours_changed
from ..jobs.runtime import pump, runtime, start_timer
from ..operator_result import OperatorResult
from ..preferences import server_settings
from ..preview_state import preview_state
from ..redraw import redraw
from ..takes.takes_list import refresh_takes
from .requests import fingerprint, left_out, problems, shot_request


class Generate(bpy.types.Operator):
    """Make a clip that follows the camera, and show it in the camera's view and the sequencer"""

    bl_idname = "realcam.generate"
    bl_label = "Generate"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only a shot that can be made, and one at a time. The panel shows all reasons, this the first."""
        if jobs.busy or preview_state.total:
            title = jobs.view.title if jobs.view is not None else "A preview"
            cls.poll_message_set(f"{title} is under way: wait until it is done, or cancel it")
            return False
        found = problems(context.scene)
        if found:
            cls.poll_message_set(found[0])
        return not found

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """In background Blender the whole shot, to its end; in a window the same as a click."""
        if not bpy.app.background:
            return self.invoke(context, None)
        _warn(self, context.scene)
        scene = context.scene
        shot = scene.realcam
        of = fingerprint(scene)
        try:
            finished = generate_blocking(
                jobs,
                shot_request(scene),
                server_settings(),
                runtime.records(),
                background=shot.show_in_background,
                compositor=shot.show_in_compositor,
            )
        except RealCamError as error:
            runtime.refresh_pending()
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        preview_state.keep(finished.preview, of)
        for other in finished.others:
            if isinstance(other, RealCamError):
                self.report({"WARNING"}, other.sentence)
        refresh_takes(scene, finished.take)
        self.report({"INFO"}, where_shown(scene, finished.take, background=shot.show_in_background))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event | None) -> OperatorResult:
        """Start; the timer below carries it to the job thread, the runtime's timer from there on."""
        _warn(self, context.scene)
        self._of = fingerprint(context.scene)
        try:
            self._job = ShotJob(shot_request(context.scene))
            self._run = JobRun(jobs, self._job, server_settings(), runtime.records(), self._job.beside)
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        manager = context.window_manager
        self._timer = manager.event_timer_add(0.02, window=context.window)
        manager.modal_handler_add(self)
        start_timer()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """A slice at a time; every key and click goes on to Blender. Cancel is a button of the panel."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        pump()
        more = self._run.step()
        redraw()
        if more:
            # Passed on as well: Blender's own timers come here too, and panels move by one.
            return {"PASS_THROUGH"}
        if self._job.preview is not None:
            preview_state.keep(self._job.preview, self._of)
        return self._end(context, {"FINISHED"})

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator itself: another file is opened, or it quits."""
        jobs.cancel()
        self._end(context, {"CANCELLED"})

    def ended_by(self, context: bpy.types.Context, error: RealCamError) -> None:
        """An error ended the operator: so does the job, unless the job thread has it already."""
        if jobs.busy and jobs.record is None:
            jobs.fail(error)
        runtime.refresh_pending()
        if hasattr(self, "_timer"):
            self._end(context, {"CANCELLED"})

    def _end(self, context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        self._run.close()
        context.window_manager.event_timer_remove(self._timer)
        redraw()
        return result


def _warn(operator: bpy.types.Operator, scene: bpy.types.Scene) -> None:
    changed = colours_changed(scene)
    for sentence in [*([] if changed is None else [changed]), *left_out(scene)]:
        operator.report({"WARNING"}, sentence)


CLASSES = (Generate,)
