"""Take Shape as Depth: what was sculpted, moved or cut away on the photo's mesh becomes its depth."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.editing.depth_layout import stored_layout
from ...scene.handmade.take_shape import take_shape
from ..operator_result import OperatorResult
from ..photo.active_photo import ActivePhotoMixin, active_photo
from .object_mode import OutsideModes


class TakeShape(ActivePhotoMixin, bpy.types.Operator):
    """Make what you sculpted, moved or deleted on the photo's mesh its depth, as the photo's camera sees it"""

    bl_idname = "realcam.take_shape"
    bl_label = "Take Shape as Depth"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Take it, in Edit Mode and Sculpt Mode too; the latter is left."""
        photo = active_photo(context)
        with OutsideModes(context):
            taken = take_shape(context.scene, photo, context.evaluated_depsgraph_get())
        if taken is None:
            self.report({"INFO"}, "The mesh has the shape of its depth: nothing to take")
            return {"CANCELLED"}
        words = taken.words
        layout = stored_layout(photo)
        if layout is not None and (layout.ground is not None or layout.walls or layout.cut_outs):
            words += " Changing Ground and Walls again takes its place."
        self.report({"WARNING" if taken.behind else "INFO"}, words)
        return {"FINISHED"}


CLASSES = (TakeShape,)
