"""The job and the depth analysis in Blender's status bar: seen in every workspace, also while the sidebar is closed."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.entry_points import entry_point
from ...generation.job_records import ShotTask
from ...generation.job_view import JobView, Phase
from ...generation.jobs import jobs
from ...generation.scene_job import scene_of
from ..photo.depth_analysis import draw_analysis
from ..preview_state import preview_state

_WIDTH = 14
"""Of the progress bar, in Blender's UI units."""


def register() -> None:
    """Draw the job at the end of the status bar."""
    bpy.types.STATUSBAR_HT_header.append(_draw)


def unregister() -> None:
    """Draw it no more."""
    bpy.types.STATUSBAR_HT_header.remove(_draw)


@entry_point("The job could not be drawn")
def _draw(header: Any, context: bpy.types.Context) -> None:
    draw_analysis(header.layout, _WIDTH)
    row = header.layout.row(align=True)
    view = jobs.view_in(context.scene.session_uid)
    if view is not None:
        _draw_job(row, context, view)
    elif preview_state.total:
        text = f"RealCam: preview {preview_state.done}/{preview_state.total}"
        _progress(row, text, preview_state.done / preview_state.total)


def _draw_job(row: Any, context: bpy.types.Context, view: JobView) -> None:
    if not view.phase.final:
        _progress(row, f"RealCam: {view.line}", view.factor)
        row.operator("realcam.cancel", text="", icon="CANCEL")
        return
    if view.phase is Phase.CANCELLED:
        return
    if view.phase is Phase.DONE:
        row.label(text=f"RealCam: “{view.title}” is done", icon="CHECKMARK")
        record = jobs.record
        if record is not None and isinstance(record.task, ShotTask) and scene_of(record) == context.scene:
            row.operator("realcam.play_clip", icon="PLAY")
    else:
        row.label(text=f"RealCam: “{view.title}” failed, its tab in the sidebar says why", icon="ERROR")
    row.operator("realcam.dismiss", text="", icon="X")


def _progress(row: Any, text: str, factor: float) -> None:
    bar = row.row()
    bar.ui_units_x = _WIDTH
    bar.progress(text=text, factor=factor, type="BAR")
