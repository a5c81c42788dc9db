"""The drag tools: the horizon, walls and cut-outs are drawn over the photo, while the mesh follows."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy
from bpy.props import EnumProperty

from ...core.entry_points import entry_point
from ...scene import find_photo_scene
from ..operator_result import OperatorResult
from ..redraw import redraw
from ..view_under import view_under
from .drawing_session import DrawingSession
from .layout_drawing import HANDLE, draw_session
from .photo_view import PhotoView, look_through_photo

_HELP = {
    "GROUND": "Drag the horizon or its ends.  Click along the edge of floor and wall, Enter ends the wall.  "
    "Drag points, X removes.  C: Cut Out.  Enter: done.  Esc: as before",
    "CUT_OUT": "Draw around a thing, or click its corners and press Enter.  Drag its foot to where it touches the "
    "floor, X removes.  W: Walls.  Enter: done.  Esc: as before",
}
_AWAY = "Numpad 0 looks through the photo's camera again.  Enter: done.  Esc: as before"
_MODES = (
    ("GROUND", "Ground and Walls", "Drag the horizon and draw walls"),
    ("CUT_OUT", "Cut Out", "Draw around things"),
)

_shown: list[Any] = []
"""The draw handler of the tool: at most one."""


class EditLayout(bpy.types.Operator):
    """Drag the horizon, draw walls along the edge of the floor, and draw around things that stand on it, over the photo
    in the 3D view"""

    bl_idname = "realcam.edit_layout"
    bl_label = "Edit Ground and Walls"
    bl_description = (
        "Over the photo in the 3D view, drag the horizon, draw walls along the edge of the floor, or draw around "
        "things that stand on it"
    )
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    mode: EnumProperty(name="Draw", description="What is drawn", items=_MODES)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a 3D view, and a photo with its camera."""
        photo = find_photo_scene(context.scene)
        if context.area is None or context.area.type != "VIEW_3D":
            cls.poll_message_set("Ground and walls are drawn in a 3D view")
        elif photo is None:
            cls.poll_message_set("Choose a photo first")
        elif photo.camera is None:
            cls.poll_message_set("The photo's camera was deleted: undo that, or import the photo again")
        elif photo.mesh.data.is_editmode:
            cls.poll_message_set("Leave Edit Mode first")
        elif _shown:
            cls.poll_message_set("It is at work: Enter ends it")
        else:
            return True
        return False

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Look through the photo's camera and wait for the mouse, in the view itself."""
        photo = find_photo_scene(context.scene)
        assert photo is not None
        self._area: bpy.types.Area = context.area
        self._session = DrawingSession(photo, self.mode)
        space = context.area.spaces.active
        self._looked = (space.region_3d.view_perspective, space.use_local_camera)
        look_through_photo(space, photo)
        _shown.append(
            bpy.types.SpaceView3D.draw_handler_add(_draw, (self._session, space.as_pointer()), "WINDOW", "POST_PIXEL")
        )
        context.window_manager.modal_handler_add(self)
        self._tell(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Draw; what is none of the tool's goes on to Blender, the view's navigation and undo among it."""
        session = self._session
        photo = session.find(context.scene)
        if photo is None or photo.camera is None:
            self.cancel(context)
            return {"CANCELLED"}
        if event.value == "PRESS" and event.type in ("ESC", "RET", "NUMPAD_ENTER"):
            return self._end_something(context, event.type == "ESC")
        region = view_under(self._area, event.mouse_x, event.mouse_y)
        # What was grabbed is held until the button goes up, wherever the mouse is.
        region = region or (self._window() if session.held is not None or session.is_lasso else None)
        if region is None or self._area.spaces.active.region_3d.view_perspective != "CAMERA":
            self._tell(context)
            return {"PASS_THROUGH"}
        view = PhotoView(photo, region, self._area.spaces.active.region_3d)
        mouse = view.point(event.mouse_x - region.x, event.mouse_y - region.y)
        return self._in_view(context, event, mouse, view.reach(HANDLE * context.preferences.system.ui_scale))

    def cancel(self, context: bpy.types.Context) -> None:
        """Leave nothing behind; Blender calls it too, when it ends the operator itself."""
        hide_layout()
        context.workspace.status_text_set(None)
        self._area.header_text_set(None)
        space = self._area.spaces.active
        space.use_local_camera = self._looked[1]
        if self._looked[0] != "CAMERA":
            space.region_3d.view_perspective = self._looked[0]
        self._area.tag_redraw()

    def _in_view(
        self, context: bpy.types.Context, event: bpy.types.Event, mouse: tuple[float, float], reach: tuple[float, float]
    ) -> OperatorResult:
        """An event over the photo."""
        session, scene = self._session, context.scene
        step = ""
        # Between two redraws of a slow view the mouse has been at several places: a lasso goes through each.
        if event.type == "MOUSEMOVE" or (event.type == "INBETWEEN_MOUSEMOVE" and session.is_lasso):
            session.move(scene, mouse, reach)
        elif event.type == "LEFTMOUSE" and event.value == "DOUBLE_CLICK" and session.drawn:
            step = session.finish(scene)
        elif event.type == "LEFTMOUSE" and event.value in ("PRESS", "DOUBLE_CLICK"):
            step = session.press(scene, mouse, reach)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            step = session.release(scene)
        elif event.type == "RIGHTMOUSE" and event.value == "PRESS":
            return self._end_something(context, True)
        elif event.value == "PRESS" and event.type in ("X", "DEL", "BACK_SPACE"):
            step = session.remove(scene)
        elif event.value == "PRESS" and event.type in ("W", "C") and not event.ctrl:
            session.drawn, session.mode = [], "GROUND" if event.type == "W" else "CUT_OUT"
        elif event.type == "Z" and event.ctrl and (session.drawn or session.held is not None):
            # The point drawn last is taken back, not the change before it.
            if event.value == "PRESS" and session.drawn:
                session.remove(scene)
        else:
            return {"PASS_THROUGH"} if _goes_on(event) else {"RUNNING_MODAL"}
        self._done(context, step)
        return {"PASS_THROUGH"} if event.type.endswith("MOUSEMOVE") else {"RUNNING_MODAL"}

    def _end_something(self, context: bpy.types.Context, is_escape: bool) -> OperatorResult:
        """Enter ends what is being drawn, else the tool; Esc drops what is being drawn, else everything."""
        session = self._session
        if session.drawn:
            step = ""
            if is_escape:
                session.drawn, session.is_lasso = [], False
            else:
                step = session.finish(context.scene)
            self._done(context, step)
            return {"RUNNING_MODAL"}
        step = session.restore(context.scene) if is_escape else session.release(context.scene)
        self._done(context, step)
        self.cancel(context)
        return {"CANCELLED"} if is_escape else {"FINISHED"}

    def _done(self, context: bpy.types.Context, step: str) -> None:
        if step:
            bpy.ops.ed.undo_push(message=step)
            redraw()
        self._tell(context)
        self._area.tag_redraw()

    def _tell(self, context: bpy.types.Context) -> None:
        away = self._area.spaces.active.region_3d.view_perspective != "CAMERA"
        context.workspace.status_text_set(_AWAY if away else _HELP[self._session.mode])
        self._area.header_text_set(self._session.refused or None)

    def _window(self) -> bpy.types.Region:
        return next(region for region in self._area.regions if region.type == "WINDOW")


def hide_layout() -> None:
    """Stop drawing over the views."""
    while _shown:
        bpy.types.SpaceView3D.draw_handler_remove(_shown.pop(), "WINDOW")


def _goes_on(event: bpy.types.Event) -> bool:
    """Whether an event over the photo is one of Blender's: navigation, undo, timers. Keys that edit are kept away."""
    if event.type == "Z":
        return bool(event.ctrl or event.oskey)
    if event.type.startswith(
        ("NUMPAD", "WHEEL", "TRACKPAD", "MIDDLE", "MOUSE", "TIMER", "NDOF", "WINDOW", "INBETWEEN")
    ):
        return True
    return event.type in ("NONE", "HOME", "LEFT_SHIFT", "LEFT_CTRL", "LEFT_ALT", "N", "F12")


@entry_point("The layout could not be drawn")
def _draw(session: DrawingSession, space: int) -> None:
    """Draw over the view that the tool was started in."""
    context = bpy.context
    if context.space_data.as_pointer() != space or context.region_data.view_perspective != "CAMERA":
        return
    photo = session.find(context.scene)
    if photo is not None:
        view = PhotoView(photo, context.region, context.region_data)
        draw_session(session, photo, session.layout(context.scene), view)


CLASSES = (EditLayout,)
