"""Leave flaws of the depth out of the scene or take them back, and show them."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import EnumProperty

from ..core.depth_request import FLYING, OUTLIER
from ..core.errors import RealCamError
from ..scene import find_photo_scene
from ..scene.cleaning import flaw_counts, flaws_shown, hide_flaws, look_at_depth, set_dropped, show_flaws
from .edit_mode import LeftEditMode

Result = set[str]

BITS = {"FLYING": FLYING, "OUTLIER": OUTLIER}


class _OfPhoto:
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a photo."""
        return find_photo_scene(context.scene) is not None


class ToggleFlaw(_OfPhoto, bpy.types.Operator):
    """Leave this kind of flaw out of the scene, or take it back. Nothing is deleted"""

    bl_idname = "realcam.toggle_flaw"
    bl_label = "Leave Out"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    flaw: EnumProperty(
        name="Flaw",
        description="What is wrong with a pixel's depth",
        items=(
            ("FLYING", "Flying Pixels", "Pixels that hang between two surfaces, where depth jumps"),
            ("OUTLIER", "Outliers", "Points far from all others, marked by the server when it estimated the depth"),
        ),
    )

    def execute(self, context: bpy.types.Context) -> Result:
        """Cut the mesh anew, in Edit Mode too."""
        photo = find_photo_scene(context.scene)
        assert photo is not None
        try:
            with LeftEditMode(context):
                photo = set_dropped(photo, photo.record.dropped ^ BITS[self.flaw])
                if flaws_shown(photo):
                    show_flaws(photo)
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        count = flaw_counts(photo)[BITS[self.flaw]]
        self.report({"INFO"}, f"{count:,} of {photo.vertices:,} vertices are such")
        return {"FINISHED"}


class ShowFlaws(_OfPhoto, bpy.types.Operator):
    """Colour what is, or would be, left out: flying pixels red, outliers orange. Never rendered"""

    bl_idname = "realcam.show_flaws"
    bl_label = "Show Flaws"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> Result:
        """Show, looking for flying pixels first; or hide."""
        photo = find_photo_scene(context.scene)
        assert photo is not None
        try:
            with LeftEditMode(context):
                if flaws_shown(photo):
                    hide_flaws(photo)
                    return {"FINISHED"}
                if not flaw_counts(photo)[FLYING]:
                    look_at_depth(photo)
                show_flaws(photo)
        except RealCamError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (ToggleFlaw, ShowFlaws)
