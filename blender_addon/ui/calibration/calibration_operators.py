"""Points of known distance added and taken away; the depth calibrated by them, and as it was imported again."""

from __future__ import annotations

from typing import ClassVar

import bpy
import numpy as np
from bpy.props import BoolProperty, FloatProperty, IntProperty

from ...core.arrays import Float64
from ...core.depth.calibration.known_points import number_at, pixel_centre
from ...core.errors import PhotoError
from ...scene import PhotoScene
from ...scene.handmade.depth_calibration import Calibrated, imported_depth, place_in_photo, set_law
from ..lengths.length_fields import draw_length
from ..operator_result import OperatorResult
from ..photo.active_photo import ActivePhotoMixin, LeftEditMode, active_photo
from ..redraw import redraw_views
from .calibration_fields import calibration_of
from .calibration_fit import distance_now, exact_fit, remember_spread, told

MOST_FLOOR = 100
"""Points that a selection gives the floor at most, evenly spread over it."""
ROUNDING = 1e-4
"""Share of the photo's width and height by which a vertex at its border may stand outside."""
_PLACE = {"options": {"HIDDEN", "SKIP_SAVE"}}


class AddDepthPoint(ActivePhotoMixin, bpy.types.Operator):
    """Say how far a point of the photo truly is from the camera"""

    bl_idname = "realcam.add_depth_point"
    bl_label = "Add Point"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    across: FloatProperty(name="Across", description="Share of the photo's width from its left edge", **_PLACE)
    down: FloatProperty(name="Down", description="Share of the photo's height from its top", **_PLACE)
    floor: BoolProperty(name="Floor", description="It is a point of the floor", **_PLACE)
    distance: FloatProperty(
        name="True Distance (m)",
        description="How far the point is from the camera in reality",
        default=0.0,
        min=0.0,
        soft_max=100.0,
        precision=3,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Begin with the distance as it is now, and ask."""
        photo = active_photo(context)
        with LeftEditMode(context):
            number = _number(photo, imported_depth(photo), self.across, self.down)
        if self.floor:
            return self.execute(context)
        self.distance = _distance(photo, self.across, self.down, number)
        return set(context.window_manager.invoke_props_dialog(self, width=320, confirm_text="Add"))

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Add it to the photo's points."""
        photo = active_photo(context)
        fields = calibration_of(photo.mesh)
        with LeftEditMode(context):
            imported = imported_depth(photo)
        number = _number(photo, imported, self.across, self.down)
        point = (fields.floor if self.floor else fields.points).add()
        point.across, point.down = pixel_centre(imported.shape, self.across, self.down)
        point.imported = number
        if not self.floor:
            point.distance = self.distance or _distance(photo, self.across, self.down, number)
            fields.point_index = len(fields.points) - 1
        fields.way, fields.show_points = "GROUND" if self.floor else "POINTS", True
        remember_spread(fields, imported)
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        """One number to type, and how it counts."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_length(layout, self, "distance")
        straight = calibration_of(active_photo(context).mesh).along == "ray"
        layout.label(text="Straight from the camera" if straight else "Along the camera's viewing axis")


class RemoveDepthPoints(ActivePhotoMixin, bpy.types.Operator):
    """Take this point away"""

    bl_idname = "realcam.remove_depth_points"
    bl_label = "Remove Point"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    index: IntProperty(name="Point", description="Its index", default=-1, **_PLACE)
    floor: BoolProperty(name="Floor", description="All points of the floor", **_PLACE)

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """Which points go."""
        return "Take all points of the floor away" if properties.floor else cls.__doc__ or ""

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Remove it."""
        fields = calibration_of(active_photo(context).mesh)
        redraw_views()
        if self.floor:
            fields.floor.clear()
            return {"FINISHED"}
        if not 0 <= self.index < len(fields.points):
            return {"CANCELLED"}
        fields.points.remove(self.index)
        fields.point_index = min(fields.point_index, max(len(fields.points) - 1, 0))
        return {"FINISHED"}


class FloorOfSelection(ActivePhotoMixin, bpy.types.Operator):
    """Take the selected vertices of the photo's mesh, in Edit Mode, as points of the floor"""

    bl_idname = "realcam.floor_of_selection"
    bl_label = "Selected Vertices"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs the photo's mesh in Edit Mode."""
        if not super().poll(context):
            return False
        if context.edit_object != active_photo(context).mesh:
            cls.poll_message_set("Select vertices of the floor in Edit Mode of the photo's mesh")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Add them."""
        photo = active_photo(context)
        mesh = photo.mesh
        with LeftEditMode(context):
            chosen = np.empty(len(mesh.data.vertices), dtype=np.bool_)
            mesh.data.vertices.foreach_get("select", chosen)
            which = np.flatnonzero(chosen)
            some = which[np.unique(np.linspace(0, max(len(which) - 1, 0), min(len(which), MOST_FLOOR)).astype(int))]
            places = [place_in_photo(photo, mesh.matrix_world @ mesh.data.vertices[int(i)].co) for i in some]
            imported = imported_depth(photo)
        fields = calibration_of(mesh)
        for across, down in places:
            # A vertex that was moved out of the photo shows none of its floor; those at its border are there but for
            # rounding.
            is_in_photo = max(abs(across - 0.5), abs(down - 0.5)) < 0.5 + ROUNDING
            if is_in_photo and np.isfinite(number := number_at(imported, across, down)):
                point = fields.floor.add()
                point.across, point.down = pixel_centre(imported.shape, across, down)
                point.imported = number
        fields.way, fields.show_points = "GROUND", True
        remember_spread(fields, imported)
        self.report({"INFO"}, f"The floor has {len(fields.floor)} points")
        return {"FINISHED"}


class CalibrateDepth(ActivePhotoMixin, bpy.types.Operator):
    """Give the photo's depth the distances that you know"""

    bl_idname = "realcam.calibrate_depth"
    bl_label = "Calibrate Depth"
    bl_description = (
        "Give the photo's depth the distances that you know. The imported depth is kept: calibrate again at any time, "
        "or go back to it"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Fit and remap, in Edit Mode too."""
        photo = active_photo(context)
        fields = calibration_of(photo.mesh)
        with LeftEditMode(context):
            fit = exact_fit(photo, imported_depth(photo))
            done = set_law(context.scene, photo, fit.law, follow=fields.follow)
        fields.show_points = False
        self.report({"INFO"}, " ".join([*(text for text in told(fit, fields.way) if text), *_done(done)]))
        return {"FINISHED"}


class DepthAsImported(ActivePhotoMixin, bpy.types.Operator):
    """Go back to the depth as it was imported. The points stay"""

    bl_idname = "realcam.depth_as_imported"
    bl_label = "Depth as Imported"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when it was calibrated."""
        if not super().poll(context):
            return False
        if active_photo(context).record.law is None:
            cls.poll_message_set("The depth is as it was imported")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Take the calibration back."""
        photo = active_photo(context)
        fields = calibration_of(photo.mesh)
        with LeftEditMode(context):
            done = set_law(context.scene, photo, None, follow=fields.follow)
        fields.show_points = True
        self.report({"INFO"}, " ".join(_done(done)))
        return {"FINISHED"}


def _number(photo: PhotoScene, imported: Float64, across: float, down: float) -> float:
    number = number_at(imported, across, down) if 0 <= across <= 1 and 0 <= down <= 1 else float("nan")
    if not np.isfinite(number):
        raise PhotoError(
            "The photo has no depth there", f"{photo.mesh.name} at {across:.2f}, {down:.2f}", "Choose another point."
        )
    return number


def _distance(photo: PhotoScene, across: float, down: float, number: float) -> float:
    record = photo.record
    depth = number if record.law is None else float(record.law.metres(np.array(number)))
    return distance_now(photo, across, down, depth * record.scale)


def _done(done: Calibrated) -> list[str]:
    """What a calibration did to the scene."""
    facts = done.photo_scene.facts
    return [
        *([] if facts is None else [f"The scene reaches from {facts.reach}."]),
        *(
            [f"Cameras follow by {done.moved:.3g} times: the photo's middle stays framed, the rest shifts."]
            if done.moved is not None and abs(done.moved - 1) > 1e-3
            else []
        ),
        *(["Cleaning was taken back: near and far have changed places."] if done.cleaning_lost else []),
    ]


CLASSES = (AddDepthPoint, RemoveDepthPoints, FloorOfSelection, CalibrateDepth, DepthAsImported)
