"""Steps of the depth cleaning, done and taken back, and shown."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import EnumProperty

from ...core.depth.cleaning.clean import FLYING, MOVED, OUTLIER, SKY
from ...scene import PhotoScene
from ...scene.editing.cleaning import set_cleaned, touched_counts
from ...scene.editing.overlay import cleaning_shown, hide_cleaning, show_cleaning
from .active_photo import ImportedPhotoSubpanel, active_photo
from .depth_analysis import AnalysesFirst, draw_analysis

BITS = {"EDGES": MOVED, "FLYING": FLYING, "OUTLIERS": OUTLIER, "SKY": SKY}
_STEPS = (
    ("EDGES", "Edges to the Photo", "Depth edges are moved to where the photo has its edges"),
    ("FLYING", "No Flying Pixels", "Pixels that hang between two surfaces, where depth jumps, are left out"),
    ("OUTLIERS", "No Outliers", "Points far from all others are left out"),
    ("SKY", "Sky on a Far Shell", "A sky, which has no depth, is put on a sphere far away"),
)
LABELS = {name: label for name, label, _ in _STEPS}


class ToggleCleaning(AnalysesFirst, bpy.types.Operator):
    """Do this step of the depth cleaning, or take it back. Nothing is deleted"""

    bl_idname = "realcam.toggle_cleaning"
    bl_label = "Clean Depth"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    step: EnumProperty(
        name="Step",
        description="What is done to the depth",
        items=_STEPS,
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """What the chosen step does."""
        does = next(does for name, _, does in _STEPS if name == properties.step)
        return f"{does}. Nothing is deleted: press again to take it back"

    def run_analysed(self, context: bpy.types.Context, photo: PhotoScene) -> None:
        """Build the mesh anew."""
        photo = set_cleaned(context.scene, photo, photo.record.cleaned ^ BITS[self.step])
        if cleaning_shown(photo):
            show_cleaning(photo)
        count = touched_counts(photo)[BITS[self.step]]
        self.report({"INFO"}, f"This touches {count:,} of {photo.vertices:,} vertices")


class ShowCleaning(AnalysesFirst, bpy.types.Operator):
    """Colour what cleaning touches, or would. Never rendered."""

    bl_idname = "realcam.show_cleaning"
    bl_label = "Show What It Touches"
    bl_description = (
        "Colour what cleaning touches, or would: edges blue, flying pixels red, outliers yellow, sky violet. "
        "Never rendered"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def run_analysed(self, _context: bpy.types.Context, photo: PhotoScene) -> None:
        """Show, or hide."""
        if cleaning_shown(photo):
            hide_cleaning(photo)
        else:
            show_cleaning(photo)


class CleaningPanel(ImportedPhotoSubpanel, bpy.types.Panel):
    """Which steps are in force, and whether what they touch is shown."""

    bl_idname = "REALCAM_PT_cleaning"
    bl_label = "Depth Cleaning"

    def draw(self, context: bpy.types.Context) -> None:
        """A toggle for each step; in the last row's place the analysis while there is one."""
        layout = self.layout
        photo = active_photo(context)
        column = layout.column(align=True)
        for name, bit in BITS.items():
            pressed = bool(photo.record.cleaned & bit)
            icon = "CHECKBOX_HLT" if pressed else "CHECKBOX_DEHLT"
            column.operator("realcam.toggle_cleaning", text=LABELS[name], icon=icon, depress=pressed).step = name
        if draw_analysis(layout):
            return
        shown = cleaning_shown(photo)
        layout.operator("realcam.show_cleaning", icon="HIDE_OFF" if shown else "HIDE_ON", depress=shown)


CLASSES = (
    ToggleCleaning,
    ShowCleaning,
    CleaningPanel,
)
