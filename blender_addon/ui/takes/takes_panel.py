"""The panel of takes: the list, and the selected take."""

from __future__ import annotations

from typing import Any

import bpy

from ...scene import find_photo_scene
from ...timeline.shown_take import shown_number
from ...timeline.strip import set_aside_strips
from ...timeline.take import Take
from ..sidebar import SidebarPanel
from ..text_wrap import draw_wrapped
from .background_operator import draw_background
from .clip_places import draw_places
from .copy_operator import draw_takes_elsewhere
from .takes_list import TakesList, selected_take, settings_line, thumbnail
from .thumbnails import draw_picture

STARS = range(1, 6)


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
        row = layout.row()
        row.template_list(TakesList.bl_idname, "", shot, "takes", shot, "take_index", rows=5)
        column = row.column(align=True)
        column.operator("realcam.find_takes", text="", icon="FILE_REFRESH")
        column.operator("realcam.open_take_folder", text="", icon="FILE_FOLDER")
        column.separator()
        column.operator("realcam.forget_take", text="", icon="REMOVE")
        column.operator("realcam.delete_take", text="", icon="TRASH")
        draw_takes_elsewhere(layout, context)
        take = selected_take(context.scene)
        if take is None:
            return
        self._watch(layout, context, take)
        _draw_take(layout, context, take)

    def _watch(self, layout: Any, context: bpy.types.Context, take: Take) -> None:
        """Draw the buttons that show the take, and where it is shown."""
        playing = context.screen is not None and context.screen.is_animation_playing
        row = layout.row(align=True)
        row.scale_y = 1.3
        row.operator("realcam.play_clip", text="Stop" if playing else "Play", icon="PAUSE" if playing else "PLAY")
        row.operator("realcam.open_in_sequencer", text="Sequencer", icon="SEQUENCE")
        if shown_number(context.scene, take.shot) != take.number:
            layout.operator("realcam.put_back_take", icon="HIDE_OFF")
        draw_places(layout, context, take)
        aside = set_aside_strips(context.scene, take.shot)
        if aside:
            channels = ", ".join(str(channel) for channel in sorted({strip.channel for strip in aside}))
            sentence = f"You edited strips of another frame range. They were kept, muted, in channel {channels}."
            draw_wrapped(layout, context, sentence, "INFO")


def _draw_take(layout: Any, context: bpy.types.Context, take: Take) -> None:
    """Draw what made the take, its name and its stars."""
    draw_picture(layout, thumbnail(take))
    shot = context.scene.realcam
    row = layout.row(align=True)
    row.prop(shot.takes[shot.take_index], "title", text="", placeholder="Name")
    for star in STARS:
        icon = "SOLO_ON" if star <= take.rating else "SOLO_OFF"
        row.operator("realcam.rate_take", text="", icon=icon).rating = star
    draw_wrapped(layout, context, settings_line(take))
    if take.settings.prompt:
        draw_wrapped(layout, context, f"“{take.settings.prompt}”")
    for note in take.notes:
        draw_wrapped(layout, context, note, icon="INFO")
    layout.operator("realcam.use_take_settings", icon="COPY_ID")
    draw_background(layout, take)


CLASSES = (TakesPanel,)
