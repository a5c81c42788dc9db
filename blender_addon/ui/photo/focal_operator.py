"""Change the photo's focal length after the import."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import FloatProperty

from ...scene.editing.focal_length_edit import LONGEST, SHORTEST, camera_mm, focal_mm, set_focal_length
from ..operator_result import OperatorResult
from .active_photo import ActivePhotoMixin, LeftEditMode, active_photo


class SetFocalLength(ActivePhotoMixin, bpy.types.Operator):
    """Rebuild the scene with another focal length. Depths and edits stay; cameras with the photo's lens follow"""

    bl_idname = "realcam.set_focal_length"
    bl_label = "Change Focal Length"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    focal_mm: FloatProperty(
        name="Focal Length",
        description="Of the photo, as its 35 mm equivalent, which counts the frame's diagonal, as EXIF does. Blender's "
        "cameras count its width, so that theirs reads differently",
        unit="CAMERA",
        default=35.0,
        min=SHORTEST,
        max=LONGEST,
        soft_max=300.0,
        precision=2,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Begin with what is assumed now, and ask."""
        photo = active_photo(context)
        self.focal_mm = focal_mm(photo)
        return set(context.window_manager.invoke_props_dialog(self, width=320, confirm_text="Rebuild"))

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Rebuild, in Edit Mode too."""
        photo = active_photo(context)
        with LeftEditMode(context):
            photo = set_focal_length(context.scene, photo, round(self.focal_mm, 3))
        self.report({"INFO"}, f"Focal length: {photo.focal_source}")
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The number to type, and the one that Blender's camera shows for it."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "focal_mm", text="35 mm Equivalent")
        lens = camera_mm(active_photo(context), self.focal_mm)
        layout.label(text=f"Blender's camera, by the frame's width: {lens:.1f} mm")


CLASSES = (SetFocalLength,)
