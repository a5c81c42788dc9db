"""The panel of Generate: engine, prompt, options, the button."""

from __future__ import annotations

from typing import Any

import bpy

from ... import blender_versions
from ...generation.jobs import jobs
from .. import engine_choice
from ..jobs.job_box import BUTTON_HEIGHT, draw_help, draw_running
from ..sidebar import NeedsPhotoPanel
from ..text_wrap import draw_wrapped
from .clip_fit import draw_frames_fit, draw_size_fit
from .requests import problems


class GeneratePanel(NeedsPhotoPanel, bpy.types.Panel):
    """The button or its progress, engine and prompt."""

    bl_idname = "REALCAM_PT_generate"
    bl_label = "Generate"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """The button first: it stays in its place, whatever the settings below become with the server's answer."""
        layout = self.layout
        if jobs.busy and jobs.view is not None:
            draw_running(layout, context, jobs.view)
        else:
            self._button(layout, context)
        self._settings(layout, context)

    def _settings(self, layout: Any, context: bpy.types.Context) -> None:
        shot = context.scene.realcam
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.enabled = not jobs.busy
        column.prop(shot, "name")
        row = column.row(align=True)
        row.prop(shot, "engine")
        row.operator("realcam.connect", text="" if jobs.connected else "Connect", icon="LINKED")
        column.prop(shot, "size")
        draw_size_fit(column, context)
        column.prop(shot, "frame_count")
        draw_frames_fit(column, context)
        column.prop(shot, "seed")
        if engine_choice.ends_at_an_image(shot):
            column.prop(shot, "last_image")
        engine = engine_choice.capability(shot)
        if engine is None or engine.reads_prompt:
            blender_versions.draw_textbox(column, shot, "prompt", "What is in the picture")
            column.prop(shot, "negative_prompt")
        if engine is not None and engine.draft:
            what = "A draft, not the final picture."
            draw_wrapped(layout, context, what if engine.reads_prompt else f"{what} It reads no prompt.", "INFO")
        if engine is not None and engine.options:
            header, options = layout.panel_prop(shot, "show_options")
            header.label(text="Engine Options")
            if options is not None:
                options.enabled = not jobs.busy
                engine_choice.draw_options(options, shot)

    def _button(self, layout: Any, context: bpy.types.Context) -> None:
        """The button, and below it what keeps it grey: sentences come and go without moving it."""
        row = layout.row()
        row.scale_y = BUTTON_HEIGHT
        row.operator("realcam.generate", icon="RENDER_ANIMATION")
        for sentence in problems(context.scene):
            draw_wrapped(layout, context, sentence, "ERROR")
        if jobs.connection_error and jobs.view is None:
            draw_wrapped(layout, context, jobs.connection_error, "ERROR")
            draw_help(layout)
        if jobs.view is not None and jobs.view.error:
            draw_wrapped(layout, context, jobs.view.error, "ERROR")


CLASSES = (GeneratePanel,)
