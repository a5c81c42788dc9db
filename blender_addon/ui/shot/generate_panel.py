"""The panel of Generate: engine, prompt, options, the button."""

from __future__ import annotations

from typing import Any

import bpy

from ... import blender_versions
from ...generation.job_view import JobView
from ...generation.jobs import jobs
from .. import engine_choice
from ..engine_options import chosen_notes
from ..engines.engine_rows import draw_comparison, draw_lost
from ..jobs.job_box import BUTTON_HEIGHT, draw_ended, draw_help, draw_running, draw_starting
from ..sidebar import NeedsPhotoPanel
from ..text_wrap import draw_reason, draw_wrapped
from .clip_fit import draw_frames_fit, draw_size_fit
from .cut_range import draw_cut
from .option_rows import draw_options
from .requests import problems


class GeneratePanel(NeedsPhotoPanel, bpy.types.Panel):
    """The button or its progress, engine and prompt."""

    bl_idname = "REALCAM_PT_generate"
    bl_label = "Generate"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """The button first: it stays in its place, whatever the settings below become with the server's answer."""
        layout = self.layout
        view = jobs.view_in(context.scene.session_uid)
        if view is not None and not view.phase.final:
            draw_running(layout, context, view)
        else:
            _draw_button(layout, context, view)
        self._settings(layout, context)

    def _settings(self, layout: Any, context: bpy.types.Context) -> None:
        shot = context.scene.realcam
        engine = engine_choice.capability(shot)
        column = _column(layout)
        column.prop(shot, "name")
        row = column.row(align=True)
        row.prop(shot, "engine")
        row.operator("realcam.connect", text="" if jobs.connected else "Connect", icon="LINKED")
        if engine is not None:
            draw_lost(column, context, engine)
        draw_comparison(layout, context)
        column = _column(layout)
        column.prop(shot, "size")
        draw_size_fit(column, context)
        column.prop(shot, "frame_count")
        draw_frames_fit(column, context)
        column.prop(shot, "seed")
        if engine_choice.ends_at_an_image(shot):
            column.prop(shot, "last_image")
        if engine is None or engine.reads_prompt:
            blender_versions.draw_textbox(column, shot, "prompt", "What is in the picture")
            column.prop(shot, "negative_prompt")
        if engine is not None and engine.draft:
            what = "A draft, not the final picture."
            draw_wrapped(layout, context, what if engine.reads_prompt else f"{what} It reads no prompt.", "INFO")
        if engine is not None and engine.notice:
            draw_reason(layout, context, f"{engine.notice}.", "INFO")
        if engine is not None and engine.options:
            for note in chosen_notes(shot):
                draw_wrapped(layout, context, f"{note}.", "INFO")
            draw_options(layout, shot, engine)


def _column(layout: Any) -> Any:
    """A column of fields, which cannot be changed while a job is under way."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.enabled = not jobs.busy
    return column


def _draw_button(layout: Any, context: bpy.types.Context, ended: JobView | None) -> None:
    """Draw the button; below it, so that it is not moved, how the last job ended and what keeps the button grey."""
    row = layout.row()
    row.scale_y = BUTTON_HEIGHT
    row.operator("realcam.generate", icon="RENDER_ANIMATION")
    draw_starting(layout, context)
    if ended is not None:
        draw_ended(layout, context, ended)
    for sentence in problems(context.scene):
        if ended is None or sentence != ended.error:
            draw_wrapped(layout, context, sentence, "ERROR")
    draw_cut(layout, context.scene)
    if jobs.connection_error and ended is None:
        draw_wrapped(layout, context, jobs.connection_error, "ERROR")
        draw_help(layout)


CLASSES = (GeneratePanel,)
