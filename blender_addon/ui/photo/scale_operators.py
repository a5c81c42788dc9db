"""Set the scale of the photo's scene by a true distance between two points: clicked, selected, or a ruler's ends."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import EnumProperty, FloatProperty, FloatVectorProperty
from mathutils import Vector

from ...scene.editing.calibration import Measure, ruler_measure, selected_measure, set_scale, set_true_distance
from ..lengths.length_fields import draw_length
from ..operator_result import OperatorResult
from ..text_wrap import draw_wrapped
from .active_photo import ActivePhotoMixin, ImportedPhotoSubpanel, LeftEditMode, active_photo
from .pick_points import hide_line


class SetScale(ActivePhotoMixin, bpy.types.Operator):
    """Say how far apart two points truly are."""

    bl_idname = "realcam.set_scale"
    bl_label = "Set True Distance"
    bl_description = (
        "Say how far apart two points truly are. The photo's scene, your cameras and their keyframes are rescaled "
        "together about the camera that took the photo, so every shot looks the same"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    source: EnumProperty(
        name="Between",
        description="Where the two points come from",
        items=(
            ("POINTS", "Given Points", "Two points of the world"),
            ("SELECTION", "Selection", "Two selected vertices in Edit Mode, or two selected objects"),
            ("RULER", "Ruler", "The ruler drawn last with the Measure tool"),
        ),
        options={"HIDDEN", "SKIP_SAVE"},
    )
    start: FloatVectorProperty(name="Start", subtype="TRANSLATION", size=3, options={"HIDDEN", "SKIP_SAVE"})
    end: FloatVectorProperty(name="End", subtype="TRANSLATION", size=3, options={"HIDDEN", "SKIP_SAVE"})
    distance: FloatProperty(
        name="True Distance (m)",
        description="How far apart the two points are in reality",
        default=1.0,
        min=1e-4,
        soft_max=100.0,
        precision=4,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Begin with the distance as it is now, and ask."""
        photo = active_photo(context)
        measure = self._measure(context)
        self.source, self.start, self.end = "POINTS", measure.start, measure.end
        self.distance = measure.metres(photo)
        return set(context.window_manager.invoke_props_dialog(self, width=320, confirm_text="Rescale"))

    def cancel(self, _context: bpy.types.Context) -> None:
        """The dialog was left: the line between clicked points goes."""
        hide_line()

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Rescale, in Edit Mode too."""
        hide_line()
        photo = active_photo(context)
        before = photo.record.scale
        measure = self._measure(context)
        with LeftEditMode(context):
            photo = set_true_distance(context.scene, photo, measure, self.distance)
        self.report({"INFO"}, f"Everything is {photo.record.scale / before:.4g} times as large as before")
        return {"FINISHED"}

    def draw(self, _context: bpy.types.Context) -> None:
        """One number to type."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_length(layout, self, "distance")

    def _measure(self, context: bpy.types.Context) -> Measure:
        if self.source == "SELECTION":
            return selected_measure(context)
        if self.source == "RULER":
            return ruler_measure(context.scene)
        return Measure(Vector(self.start), Vector(self.end))


class ResetScale(ActivePhotoMixin, bpy.types.Operator):
    """Go back to the metres of the imported depth. Cameras and keyframes go along"""

    bl_idname = "realcam.reset_scale"
    bl_label = "Scale as Imported"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when the scale was changed."""
        if not super().poll(context):
            return False
        if active_photo(context).record.scale == 1.0:
            cls.poll_message_set("The scale is as imported")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Rescale back."""
        photo = active_photo(context)
        with LeftEditMode(context):
            set_scale(context.scene, photo, 1.0)
        return {"FINISHED"}


class ScalePanel(ImportedPhotoSubpanel, bpy.types.Panel):
    """The focal length, how large the scene is, and three ways to say it better."""

    bl_idname = "REALCAM_PT_scale"
    bl_label = "Lens and Scale"

    def draw(self, context: bpy.types.Context) -> None:
        """The present scale, and where a true distance can be taken."""
        layout = self.layout
        photo = active_photo(context)
        scale = photo.record.scale
        layout.operator("realcam.set_focal_length", icon="CAMERA_DATA")
        draw_wrapped(layout, context, scale_sentence(scale))
        column = layout.column(align=True)
        column.label(text="Set the scale by a true distance:")
        column.operator("realcam.pick_scale_points", icon="RESTRICT_SELECT_OFF")
        column.operator("realcam.set_scale", text="Between Two Selected", icon="VERTEXSEL").source = "SELECTION"
        column.operator("realcam.set_scale", text="Along the Ruler", icon="DRIVER_DISTANCE").source = "RULER"
        if scale != 1.0:
            layout.operator("realcam.reset_scale", icon="LOOP_BACK")


def scale_sentence(scale: float) -> str:
    """How large the scene is beside the depth it was imported with."""
    if scale == 1.0:
        return "The scene is as large as its depth says."
    return f"The scene is {scale:.4g} times as large as its depth says."


CLASSES = (
    SetScale,
    ResetScale,
    ScalePanel,
)
