"""What an artist says to calibrate a photo's depth, kept on the photo's mesh object."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
)

from ..guarded_operators import guarded
from ..lengths.length_fields import with_lengths
from ..redraw import redraw_views

QUANTILES = 32
"""Numbers that stand for the photo's whole depth in the live fit."""

WAYS = (
    ("POINTS", "Points", "By points whose distance from the camera you know: two, or better three and more"),
    ("GROUND", "Ground", "By points on the floor and the camera's height above it"),
    ("RANGE", "Near and Far", "By the distances of the nearest and the farthest thing in the photo"),
)
ALONG = (
    ("ray", "Straight", "Straight from the camera to the point, as a tape or a laser measures"),
    ("z", "Forward", "Along the camera's viewing axis, as depth files count"),
)
NUMBERS = (
    ("AUTO", "Automatic", "What fits the points better; with two points what is usual"),
    ("depth", "Distance", "Equal steps of the depth picture are equal steps of distance"),
    ("inverse", "Inverse", "Equal steps of the depth picture are equal steps of one over the distance"),
)


def _shown_changed(_fields: Any, _context: bpy.types.Context) -> None:
    redraw_views()


def _hidden(**more: Any) -> dict[str, Any]:
    return {"options": {"HIDDEN"}, **more}


class RealCamDepthPoint(bpy.types.PropertyGroup):
    """A place in the photo, and how far away it is."""

    across: FloatProperty(**_hidden())
    down: FloatProperty(**_hidden())
    imported: FloatProperty(**_hidden())
    distance: FloatProperty(
        name="Distance (m)",
        description="How far this point truly is from the camera",
        default=1.0,
        min=1e-3,
        soft_max=100.0,
        precision=3,
    )


class RealCamCalibration(bpy.types.PropertyGroup):
    """What is known of a photo's distances."""

    way: EnumProperty(
        name="Calibrate By",
        description="What you know of the photo's distances",
        items=WAYS,
        update=_shown_changed,
    )
    points: CollectionProperty(type=RealCamDepthPoint)
    point_index: IntProperty(name="Point", description="The selected point: its index", default=0)
    along: EnumProperty(name="Measured", description="How the distances of points count", items=ALONG)
    floor: CollectionProperty(type=RealCamDepthPoint)
    camera_height: FloatProperty(
        name="Camera Height (m)",
        description="How high the camera was above the floor. A person who stands holds it at some 1.5 m",
        default=1.5,
        min=0.0,
        soft_max=10.0,
        precision=2,
    )
    use_horizon: BoolProperty(
        name="Horizon",
        description="Say where the photo's horizon is. Off: up is the scene's Z as the photo's camera stands in it, "
        "which after an import means that it was held level",
    )
    horizon: FloatProperty(
        name="Horizon",
        description="Where the horizon is, or would be, as a share of the photo's height from its top: 0 is the top, 1 "
        "the bottom. May lie outside the photo",
        subtype="FACTOR",
        default=0.5,
        soft_min=0.0,
        soft_max=1.0,
        min=-5.0,
        max=6.0,
        precision=3,
    )
    nearest: FloatProperty(
        name="Nearest (m)",
        description="How far away the nearest thing in the photo is; 2 % of the photo may be nearer",
        default=1.0,
        min=1e-3,
        soft_max=100.0,
        precision=2,
    )
    farthest: FloatProperty(
        name="Farthest (m)",
        description="How far away the farthest thing in the photo is; 2 % of the photo may be farther",
        default=10.0,
        min=1e-3,
        soft_max=1000.0,
        precision=2,
    )
    swapped: BoolProperty(
        name="Near and Far Are Swapped", description="What is near in the scene now is far in truth, and the reverse"
    )
    numbers: EnumProperty(name="Steps Of", description="What the numbers of the depth picture grow with", items=NUMBERS)
    follow: BoolProperty(
        name="Cameras Follow",
        description="Your cameras and their keyframes are rescaled about the photo's camera by as much as the photo's "
        "middle, so that it stays framed; what is nearer or farther shifts. Off: they stay where they are",
        default=True,
    )
    show_points: BoolProperty(
        name="Show Points", description="Show the points in the 3D views", default=True, update=_shown_changed
    )
    is_open: BoolProperty(name="Calibrate Depth", description="Show how the depth is calibrated", options={"HIDDEN"})
    spread: FloatVectorProperty(size=QUANTILES, **_hidden())


def calibration_of(mesh: bpy.types.Object) -> Any:
    """The RealCamCalibration of a photo's mesh object."""
    return mesh.realcam_calibration


def register() -> None:
    """Give every object one; a photo's mesh uses it."""
    for cls in guarded(with_lengths((RealCamDepthPoint, RealCamCalibration))):
        bpy.utils.register_class(cls)
    bpy.types.Object.realcam_calibration = PointerProperty(type=RealCamCalibration)


def unregister() -> None:
    """Take it away again."""
    del bpy.types.Object.realcam_calibration
    bpy.utils.unregister_class(RealCamCalibration)
    bpy.utils.unregister_class(RealCamDepthPoint)
