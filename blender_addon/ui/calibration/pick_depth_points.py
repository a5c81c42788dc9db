"""A click on the photo's mesh becomes a point of known distance, clicks on its floor points of the floor."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import BoolProperty
from mathutils import Vector

from ...scene import PhotoScene
from ...scene.handmade.depth_calibration import place_in_photo
from ..operator_result import OperatorResult
from ..photo.pick_points import PicksOnPhoto

_HELP = {
    False: "Click a point of the photo whose distance you know. Esc stops",
    True: "Click points of the floor, three or more and far apart. Enter or Esc ends",
}


class PickDepthPoints(PicksOnPhoto, bpy.types.Operator):
    """Click a point of the photo in the view, then type how far it truly is from the camera"""

    bl_idname = "realcam.pick_depth_points"
    bl_label = "Click a Point"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}
    ends: ClassVar[tuple[str, ...]] = (*PicksOnPhoto.ends, "RET", "NUMPAD_ENTER")
    ended: ClassVar[OperatorResult] = {"FINISHED"}

    floor: BoolProperty(name="Floor", description="Click points of the floor", options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """What is clicked."""
        return "Click points of the floor in the view, three or more" if properties.floor else cls.__doc__ or ""

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Wait for clicks."""
        return self.wait_for_clicks(context, _HELP[self.floor])

    def picked(self, context: bpy.types.Context, photo: PhotoScene, point: Vector) -> OperatorResult:
        """Add the point; one of known distance is all, of the floor more are waited for."""
        across, down = place_in_photo(photo, point)
        if not self.floor:
            self.cancel(context)
        how = "EXEC_DEFAULT" if self.floor else "INVOKE_DEFAULT"
        try:
            bpy.ops.realcam.add_depth_point(how, True, across=across, down=down, floor=self.floor)
        except RuntimeError as error:
            # What the other operator has reported as an error.
            self.report({"WARNING"}, str(error).removeprefix("Error: ").strip())
        return {"RUNNING_MODAL"} if self.floor else {"FINISHED"}


CLASSES = (PickDepthPoints,)
