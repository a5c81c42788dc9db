"""The panel of takes: the list, and the selected take."""

from __future__ import annotations

import bpy

from ...scene import find_photo_scene
from ...timeline.strip import strip_hides_render
from ..sidebar import SidebarPanel
from ..text_wrap import draw_wrapped
from .copy_operator import draw_takes_elsewhere
from .takes_list import TakesList, selected_take, settings_line, thumbnail
from .thumbnails import draw_picture


class TakesPanel(SidebarPanel, bpy.types.Panel):
    """Every clip that was made."""

    bl_idname = "REALCAM_PT_takes"
    bl_label = "Takes"
    bl_parent_id = "REALCAM_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Once there is a take, or a photo to make one of."""
        return len(context.scene.realcam.takes) > 0 or find_photo_scene(context.scene) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """The list, and the selected take."""
        layout = self.layout
        shot = context.scene.realcam
        if strip_hides_render(context.scene):
            draw_wrapped(layout, context, "F12 renders the strip: Output > Post Processing > Sequencer is on.", "INFO")
        row = layout.row()
        row.template_list(TakesList.bl_idname, "", shot, "takes", shot, "take_index", rows=3)
        column = row.column(align=True)
        column.operator("realcam.find_takes", text="", icon="FILE_REFRESH")
        column.operator("realcam.forget_take", text="", icon="REMOVE")
        draw_takes_elsewhere(layout, context)
        take = selected_take(context.scene)
        if take is None:
            return
        draw_picture(layout, thumbnail(take))
        draw_wrapped(layout, context, settings_line(take))
        if take.settings.prompt:
            draw_wrapped(layout, context, f"“{take.settings.prompt}”")
        for note in take.notes:
            draw_wrapped(layout, context, note, icon="INFO")
        row = layout.row(align=True)
        row.operator("realcam.put_back_take", icon="SEQUENCE")
        row.operator("realcam.use_take_settings", icon="COPY_ID")


CLASSES = (TakesPanel,)
