"""A job in the panel: under way, ended, or left by an earlier session."""

from __future__ import annotations

from typing import Any

import bpy

from ...generation.job_records import JobRecord, ShotTask
from ...generation.job_view import JobView, Phase
from ...generation.jobs import jobs
from ...generation.user_files import EXTENSION
from ..takes.thumbnails import draw_picture, thumbnails
from ..text_wrap import BOX, BUTTON, draw_wrapped

BUTTON_HEIGHT = 1.5
"""Of the button that starts a job, and of the bar that takes its place, in rows."""


def draw_job(layout: Any, context: bpy.types.Context, view: JobView) -> None:
    """Draw the job under way, or how the last one ended."""
    if view.phase.final:
        draw_ended(layout, context, view)
    else:
        draw_running(layout, context, view)


def draw_running(layout: Any, context: bpy.types.Context, view: JobView) -> None:
    """Draw a bar with Cancel, as high as the button that started the job; below it the stage and the latest picture."""
    row = layout.row(align=True)
    row.scale_y = BUTTON_HEIGHT
    row.enabled = view.phase is not Phase.CANCELLING
    row.progress(text=view.line, factor=view.factor, type="BAR")
    row.operator("realcam.cancel", text="", icon="CANCEL")
    if view.stage and view.stage not in view.line:
        draw_wrapped(layout, context, view.stage)
    if view.jpeg:
        draw_picture(layout, thumbnails.latest)
    draw_beside(layout, context)


def draw_beside(layout: Any, context: bpy.types.Context) -> None:
    """Draw the jobs of the same shot on other engines: how those before ended, and those that follow with a button."""
    for view in jobs.ended_before:
        if view.phase is Phase.FAILED:
            draw_wrapped(layout, context, f"“{view.title}”: {view.error}", "ERROR")
        else:
            mark = "CHECKMARK" if view.phase is Phase.DONE else "CANCEL"
            draw_wrapped(layout, context, f"“{view.title}”: {view.phase.value.lower()}", mark)
    for record in jobs.waiting:
        row = layout.row()
        draw_wrapped(row.column(), context, f"Then “{record.title}”", "TIME", BUTTON)
        row.operator("realcam.forget_job", text="", icon="X", emboss=False).job_id = record.job_id


def draw_starting(layout: Any, context: bpy.types.Context) -> None:
    """Draw what a local server says that is started to be asked, without a job, and Cancel; nothing when none is."""
    if jobs.starting is None:
        return
    row = layout.row()
    draw_wrapped(row.column(), context, f"The local server is starting. {jobs.starting}".rstrip(), "TIME", BUTTON)
    row.operator("realcam.cancel", text="", icon="CANCEL", emboss=False)


def draw_pending(layout: Any, context: bpy.types.Context, record: JobRecord) -> None:
    """Draw a job that was left unfinished, which can be resumed."""
    box = layout.box()
    draw_wrapped(box, context, f"“{record.title}” is not finished: its job was left under way.", "RECOVER_LAST", BOX)
    row = box.row(align=True)
    row.operator("realcam.resume", icon="PLAY").job_id = record.job_id
    row.operator("realcam.forget_job", text="", icon="X").job_id = record.job_id


def draw_help(layout: Any) -> None:
    """Draw, beside an error, the buttons that copy the report and open the preferences with server and command."""
    row = layout.row(align=True)
    row.operator("realcam.copy_report", icon="COPYDOWN")
    if EXTENSION in bpy.context.preferences.addons:
        row.operator("preferences.addon_show", text="Preferences", icon="PREFERENCES").module = EXTENSION


def draw_ended(layout: Any, context: bpy.types.Context, view: JobView) -> None:
    """Draw how a job ended, with what can be done about it."""
    box = layout.box()
    row = box.row()
    column = row.column()
    if view.phase is Phase.DONE:
        outcome = "is done" if jobs.record is None else jobs.record.task.outcome
        draw_wrapped(column, context, f"“{view.title}” {outcome}.", "CHECKMARK", BOX + BUTTON)
        if jobs.record is not None and isinstance(jobs.record.task, ShotTask):
            watch = box.row(align=True)
            watch.operator("realcam.play_clip", icon="PLAY")
            watch.operator("realcam.open_in_sequencer", text="Sequencer", icon="SEQUENCE")
    elif view.phase is Phase.CANCELLED:
        draw_wrapped(column, context, f"“{view.title}” was cancelled.", "CANCEL", BOX + BUTTON)
    else:
        draw_wrapped(column, context, view.error, "ERROR", BOX + BUTTON)
        draw_help(box)
    row.operator("realcam.dismiss", text="", icon="X", emboss=False)
    draw_beside(layout, context)
