"""What is wrong with the photo's depth, in the photo's panel."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..scene import find_photo_scene
from ..scene.cleaning import flaws_shown
from .cleaning_operators import BITS


class CleaningPanel(bpy.types.Panel):
    """Which flaws are left out, and whether they are shown."""

    bl_idname = "REALCAM_PT_cleaning"
    bl_label = "Depth Cleaning"
    bl_parent_id = "REALCAM_PT_photo"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "RealCam"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a photo."""
        return find_photo_scene(context.scene) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """A toggle for each kind."""
        layout = self.layout
        photo = find_photo_scene(context.scene)
        assert photo is not None
        column = layout.column(heading="Leave Out", align=True)
        for name, label in (("FLYING", "Flying Pixels"), ("OUTLIER", "Outliers")):
            pressed = bool(photo.record.dropped & BITS[name])
            icon = "CHECKBOX_HLT" if pressed else "CHECKBOX_DEHLT"
            column.operator("realcam.toggle_flaw", text=label, icon=icon, depress=pressed).flaw = name
        shown = flaws_shown(photo)
        layout.operator("realcam.show_flaws", icon="HIDE_OFF" if shown else "HIDE_ON", depress=shown)


CLASSES = (CleaningPanel,)
