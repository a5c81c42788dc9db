"""What can be done about a job: ask the server, cancel, resume, forget, copy the report, place the result."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import StringProperty

from ...core.errors import RealCamError
from ...core.unforeseen import in_words
from ...generation.check_job import import_check
from ...generation.clip_import import import_clip, with_folder_here
from ...generation.depth_job import import_depth
from ...generation.job_records import CheckTask, DepthTask, JobRecord, ShotTask
from ...generation.job_view import Phase
from ...generation.jobs import jobs
from ...generation.scene_job import forget_job, scene_of
from ...scene.importing.first_look import prepare_first_look
from ...timeline.shown_take import where_shown
from ...timeline.take import Take
from ..operator_result import OperatorResult
from ..photo.first_look import look_through_camera
from ..preferences import server_settings
from ..redraw import redraw
from ..takes.take_item import find_take
from ..takes.takes_list import refresh_takes
from . import report
from .announce import announce
from .runtime import runtime, start_timer


class ConnectServer(bpy.types.Operator):
    """Ask the server what it can do. One on this machine is started if it does not answer"""

    bl_idname = "realcam.connect"
    bl_label = "Connect to Server"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while a job is under way: it is connected then."""
        if jobs.busy:
            cls.poll_message_set("A job is under way")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Ask; the answer comes by the timer."""
        jobs.connect(server_settings())
        runtime.connecting = True
        start_timer()
        return {"FINISHED"}


class CancelJob(bpy.types.Operator):
    """Stop the shot under way, or the wait for a server that starts. The server stops within a step"""

    bl_idname = "realcam.cancel"
    bl_label = "Cancel"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only while there is something to stop."""
        if not jobs.busy and jobs.starting is None:
            cls.poll_message_set("Nothing is being generated")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Cancel here and on the server."""
        jobs.cancel()
        runtime.connecting = runtime.connecting and jobs.busy
        redraw()
        return {"FINISHED"}


class ResumeJob(bpy.types.Operator):
    """Go on with a job that was under way when the file was closed, and show its clip"""

    bl_idname = "realcam.resume"
    bl_label = "Resume"

    job_id: StringProperty(options={"HIDDEN"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while another shot is under way, and only if there is one to resume."""
        if jobs.busy:
            cls.poll_message_set("Another shot is under way")
            return False
        if not runtime.pending:
            cls.poll_message_set("No job of this file is waiting to be resumed")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Hand the record to the job thread."""
        record = _pending(self.job_id)
        if record is None:
            self.report({"ERROR"}, "This job is not one of this file's")
            return {"CANCELLED"}
        scene = scene_of(record)
        jobs.resume(with_folder_here(record), server_settings(), runtime.records(), scene.session_uid)
        runtime.refresh_pending()
        start_timer()
        return {"FINISHED"}


class ForgetJob(bpy.types.Operator):
    """Offer this job no longer. Its clip, if the server makes it, is not fetched"""

    bl_idname = "realcam.forget_job"
    bl_label = "Forget Job"

    job_id: StringProperty(options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Ask first."""
        return set(context.window_manager.invoke_confirm(self, event))

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Remove the record and its pending upload."""
        waiting = next((record for record in jobs.waiting if record.job_id == self.job_id), None)
        record = waiting or _pending(self.job_id)
        if record is None:
            return {"CANCELLED"}
        runtime.forget(record)
        redraw()
        return {"FINISHED"}


class DismissMessage(bpy.types.Operator):
    """Take the message of the last shot off the panel"""

    bl_idname = "realcam.dismiss"
    bl_label = "Dismiss"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Forget the last shot's view."""
        jobs.dismiss()
        redraw()
        return {"FINISHED"}


class CopyReport(bpy.types.Operator):
    """Copy the error with versions, server and the end of the local server's log, for a bug report"""

    bl_idname = "realcam.copy_report"
    bl_label = "Copy Report"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """To the clipboard."""
        context.window_manager.clipboard = report.text()
        self.report({"INFO"}, "The report is on the clipboard")
        return {"FINISHED"}


class PlaceClip(bpy.types.Operator):
    """Put what was just fetched where it belongs: a clip into the sequencer, depth or a camera into the scene"""

    bl_idname = "realcam.import_clip"
    bl_label = "Place RealCam Clip"
    bl_options: ClassVar[set[str]] = {"UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only when something has been fetched and is not placed yet."""
        if jobs.view is None or jobs.view.phase is not Phase.IMPORTING:
            cls.poll_message_set("Nothing is waiting to be placed")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Make the take, show it, and end the job."""
        assert jobs.record is not None
        record = jobs.record
        scene = scene_of(record)
        try:
            runtime.check_file_of(record)
            jobs.belongs_to(scene.session_uid)
            with in_words(f"The {record.task.result} is here, but could not be placed"):
                placed = import_result(record, scene)
        except RealCamError as error:
            jobs.fail(error)
            runtime.refresh_pending()
            self.report({"WARNING"}, error.sentence)
            return {"CANCELLED"}
        jobs.placed()
        forget_job(record.job_id)
        runtime.refresh_pending()
        refresh_takes(scene, placed)
        announce(_told(record, scene, placed))
        return {"FINISHED"}


def _told(record: JobRecord, scene: bpy.types.Scene, placed: Take | None) -> str:
    """The message that says what became of a result."""
    if placed is None or not isinstance(record.task, ShotTask):
        return f"“{record.title}” {record.task.outcome}"
    return where_shown(scene, placed, background=scene.realcam.show_in_background)


def _pending(job_id: str) -> JobRecord | None:
    """The pending record with that job id; the first one for an empty id, None when there is none."""
    return next((record for record in runtime.pending if job_id in ("", record.job_id)), None)


CLASSES = (
    ConnectServer,
    CancelJob,
    ResumeJob,
    ForgetJob,
    DismissMessage,
    CopyReport,
    PlaceClip,
)


def import_result(record: JobRecord, scene: bpy.types.Scene) -> Take | None:
    """Place a fetched result: a clip becomes a take, depth the photo's scene, a check the achieved camera.

    Returns:
        The take to be selected, None when there is none.

    Raises:
        RealCamError: It cannot be placed; what was fetched stays then.
    """
    shot = scene.realcam
    match record.task:
        case DepthTask(photo=photo):
            photo_scene = import_depth(record)
            shot.depth_edge = photo_scene.depth_edge
            shot.photo.waits = False
            prepare_first_look(scene, photo_scene, photo.add_camera)
            look_through_camera(scene)
            return None
        case CheckTask(shot=name, take=number):
            import_check(record)
            return find_take(scene, name, number)
        case ShotTask():
            return import_clip(record, background=shot.show_in_background, compositor=shot.show_in_compositor)
