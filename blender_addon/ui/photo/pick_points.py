"""Clicks on the photo's mesh: two of them, then the question how far apart they truly are."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy
from bpy_extras import view3d_utils
from mathutils import Vector

from ...core.entry_points import entry_point
from ...scene import PhotoScene, find_photo_scene
from ...scene.editing.calibration import point_under_ray
from ...viewport_drawing import draw_dots, draw_lines
from ..operator_result import OperatorResult
from ..redraw import redraw_views
from ..view_under import view_under

_COLOUR = (1.0, 0.6, 0.1, 1.0)
_HELP = "Click two points of the photo's mesh whose distance you know. Esc stops"

_shown: list[Any] = []
"""The draw handler of the points: at most one."""


class PicksOnPhoto:
    """Mixed into a tool that takes clicks on the photo's mesh, in the 3D view from whose sidebar it was started.

    Attributes:
        ends: The keys that end it.
        ended: Its result then.
    """

    ends: ClassVar[tuple[str, ...]] = ("ESC", "RIGHTMOUSE")
    ended: ClassVar[OperatorResult] = {"CANCELLED"}
    _area: bpy.types.Area

    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        """Needs a 3D view and a photo."""
        if context.area is None or context.area.type != "VIEW_3D":
            cls.poll_message_set("Points are clicked in a 3D view")
            return False
        if find_photo_scene(context.scene) is None:
            cls.poll_message_set("Import a photo first")
            return False
        return True

    def picked(self, context: bpy.types.Context, photo: PhotoScene, point: Vector) -> OperatorResult:
        """Take a clicked point, in world coordinates, and say whether more are waited for."""
        raise NotImplementedError

    def wait_for_clicks(self, context: bpy.types.Context, words: str) -> OperatorResult:
        """Begin: the view can be turned meanwhile.

        Args:
            context: Of the view.
            words: What is clicked and how it ends, for the status bar.
        """
        self._area = context.area
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(words)
        context.window.cursor_modal_set("CROSSHAIR")
        return {"RUNNING_MODAL"}

    def modal(self: Any, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """A left click is a point; all else is the view's."""
        if event.type in self.ends and event.value == "PRESS":
            self.cancel(context)
            return set(self.ended)
        region = view_under(self._area, event.mouse_x, event.mouse_y)
        if event.type != "LEFTMOUSE" or region is None:
            return {"PASS_THROUGH"}
        if event.value != "PRESS":
            return {"RUNNING_MODAL"}
        photo = find_photo_scene(context.scene)
        where = event.mouse_x - region.x, event.mouse_y - region.y
        point = None if photo is None else self._under(context, photo, region, where)
        if photo is None or point is None:
            self.report({"WARNING"}, "There is nothing of the photo under the mouse")
            return {"RUNNING_MODAL"}
        self._area.tag_redraw()
        return set(self.picked(context, photo, point))

    def cancel(self, context: bpy.types.Context) -> None:
        """Leave nothing behind; Blender calls it too, when it ends the operator itself."""
        context.workspace.status_text_set(None)
        context.window.cursor_modal_restore()
        self._area.tag_redraw()

    def _under(
        self, context: bpy.types.Context, photo: PhotoScene, region: bpy.types.Region, where: tuple[int, int]
    ) -> Vector | None:
        view = self._area.spaces.active.region_3d
        origin = view3d_utils.region_2d_to_origin_3d(region, view, where)
        return point_under_ray(context, photo, origin, view3d_utils.region_2d_to_vector_3d(region, view, where))


class PickScalePoints(PicksOnPhoto, bpy.types.Operator):
    """Set the scale: click two points of the photo's mesh, then type how far apart they truly are"""

    bl_idname = "realcam.pick_scale_points"
    bl_label = "Between Two Clicked Points"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Wait for two clicks."""
        self._points: list[Vector] = []
        _show_line(self._points)
        return self.wait_for_clicks(context, _HELP)

    def picked(self, context: bpy.types.Context, _photo: PhotoScene, point: Vector) -> OperatorResult:
        """Ask for the distance once there are two."""
        self._points.append(point)
        if len(self._points) < 2:
            return {"RUNNING_MODAL"}
        start, end = self._points
        # The line stays while the dialog asks for its length.
        super().cancel(context)
        bpy.ops.realcam.set_scale("INVOKE_DEFAULT", source="POINTS", start=start, end=end)
        return {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Leave nothing behind, no line either."""
        hide_line()
        super().cancel(context)


def _show_line(points: list[Vector]) -> None:
    """Draw points as they are clicked, and the line between two, in every 3D view until `hide_line`."""
    hide_line()
    _shown.append(bpy.types.SpaceView3D.draw_handler_add(_draw_points, (points,), "WINDOW", "POST_VIEW"))


def hide_line() -> None:
    """Stop drawing the clicked points."""
    while _shown:
        bpy.types.SpaceView3D.draw_handler_remove(_shown.pop(), "WINDOW")
    redraw_views()


@entry_point("The clicked points could not be drawn")
def _draw_points(points: list[Any]) -> None:
    """Draw the clicked points and the line between them, over everything."""
    if not points:
        return
    draw_dots(points, _COLOUR, 9.0)
    draw_lines("LINES", points, _COLOUR, 2.0)


CLASSES = (PickScalePoints,)
