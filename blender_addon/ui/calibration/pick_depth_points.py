"""A click on the photo's mesh becomes a point of known distance, clicks on its floor points of the floor."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import BoolProperty
from bpy_extras import view3d_utils
from mathutils import Vector

from ...scene import find_photo_scene
from ...scene.editing.calibration import point_under_ray
from ...scene.handmade.depth_calibration import place_in_photo
from ..operator_result import OperatorResult
from ..view_under import view_under

_HELP = {
    False: "Click a point of the photo whose distance you know. Esc stops",
    True: "Click points of the floor, three or more and far apart. Enter or Esc ends",
}
_ENDS = ("ESC", "RIGHTMOUSE", "RET", "NUMPAD_ENTER")


class PickDepthPoints(bpy.types.Operator):
    """Click a point of the photo in the view, then type how far it truly is from the camera"""

    bl_idname = "realcam.pick_depth_points"
    bl_label = "Click a Point"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    floor: BoolProperty(name="Floor", description="Click points of the floor", options={"SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """What is clicked."""
        return "Click points of the floor in the view, three or more" if properties.floor else cls.__doc__ or ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a 3D view and a photo."""
        if context.area is None or context.area.type != "VIEW_3D":
            cls.poll_message_set("Points are clicked in a 3D view")
            return False
        if find_photo_scene(context.scene) is None:
            cls.poll_message_set("Import a photo first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Wait for clicks, in the view itself even when started from its sidebar."""
        self._area: bpy.types.Area = context.area
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(_HELP[self.floor])
        context.window.cursor_modal_set("CROSSHAIR")
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """A click sets a point; the view can be turned meanwhile."""
        if event.type in _ENDS and event.value == "PRESS":
            self.cancel(context)
            return {"FINISHED"}
        region = view_under(self._area, event.mouse_x, event.mouse_y)
        if event.type != "LEFTMOUSE" or region is None:
            return {"PASS_THROUGH"}
        if event.value != "PRESS":
            return {"RUNNING_MODAL"}
        point = self._clicked(context, region, (event.mouse_x - region.x, event.mouse_y - region.y))
        photo = find_photo_scene(context.scene)
        if point is None or photo is None:
            self.report({"WARNING"}, "There is nothing of the photo under the mouse")
            return {"RUNNING_MODAL"}
        across, down = place_in_photo(photo, point)
        if not self.floor:
            self.cancel(context)
        how = "EXEC_DEFAULT" if self.floor else "INVOKE_DEFAULT"
        try:
            bpy.ops.realcam.add_depth_point(how, True, across=across, down=down, floor=self.floor)
        except RuntimeError as error:
            # What the other operator has reported as an error.
            self.report({"WARNING"}, str(error).removeprefix("Error: ").strip())
        self._area.tag_redraw()
        return {"RUNNING_MODAL"} if self.floor else {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Leave nothing behind; Blender calls it too, when it ends the operator itself."""
        context.workspace.status_text_set(None)
        context.window.cursor_modal_restore()
        self._area.tag_redraw()

    def _clicked(self, context: bpy.types.Context, region: bpy.types.Region, where: tuple[int, int]) -> Vector | None:
        photo = find_photo_scene(context.scene)
        if photo is None:
            return None
        view = self._area.spaces.active.region_3d
        origin = view3d_utils.region_2d_to_origin_3d(region, view, where)
        return point_under_ray(context, photo, origin, view3d_utils.region_2d_to_vector_3d(region, view, where))


CLASSES = (PickDepthPoints,)
