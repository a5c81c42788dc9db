"""What is done to the photo's depth, in the photo's panel."""

from __future__ import annotations

import bpy

from ..scene.overlay import cleaning_shown
from .cleaning_operators import BITS, LABELS
from .of_photo import ImportedPhotoSubpanel, the_photo


class CleaningPanel(ImportedPhotoSubpanel, bpy.types.Panel):
    """Which steps are in force, and whether what they touch is shown."""

    bl_idname = "REALCAM_PT_cleaning"
    bl_label = "Depth Cleaning"

    def draw(self, context: bpy.types.Context) -> None:
        """A toggle for each step."""
        layout = self.layout
        photo = the_photo(context)
        column = layout.column(align=True)
        for name, bit in BITS.items():
            pressed = bool(photo.record.cleaned & bit)
            icon = "CHECKBOX_HLT" if pressed else "CHECKBOX_DEHLT"
            column.operator("realcam.toggle_cleaning", text=LABELS[name], icon=icon, depress=pressed).step = name
        shown = cleaning_shown(photo)
        layout.operator("realcam.show_cleaning", icon="HIDE_OFF" if shown else "HIDE_ON", depress=shown)


CLASSES = (CleaningPanel,)
