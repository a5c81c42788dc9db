"""Looking at a finished clip: play it through its camera, or open the sequencer that holds its strip."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ... import blender_versions
from ...core.entry_points import entry_point
from ...timeline.shown_take import show_take, shown_takes
from ...timeline.take import Take
from ...timeline.take_camera import camera_of
from ..operator_result import OperatorResult
from .takes_list import TakeOperator, selected_take

NEEDS_A_WINDOW = "This needs Blender's window: there is none in background mode"

_SEQUENCER_SHARE = 0.45
"""How much of a 3D view's height a new sequencer takes."""

_SETTLE_SECONDS = 0.3

_to_frame: set[int] = set()
"""The sequencers, by their area's pointer, whose strips are to be framed once Blender has laid them out."""


class PlayClip(TakeOperator, bpy.types.Operator):
    """Play the selected take from its first frame, in the 3D view through its camera. Press again to stop"""

    bl_idname = "realcam.play_clip"
    bl_label = "Play"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Show the take if another one is shown, look through the camera and play."""
        if context.window is None or bpy.app.background:
            self.report({"ERROR"}, NEEDS_A_WINDOW)
            return {"CANCELLED"}
        if context.screen.is_animation_playing:
            bpy.ops.screen.animation_cancel(restore_frame=False)
            return {"FINISHED"}
        scene, take = context.scene, selected_take(context.scene)
        assert take is not None
        _show_to_camera(scene, take)
        camera = camera_of(scene, take)
        area = _largest_view(context)
        if camera is not None and area is not None:
            look_through(area, scene, camera)
        scene.frame_set(take.frame_start)
        bpy.ops.screen.animation_play()
        return {"FINISHED"}


class OpenInSequencer(TakeOperator, bpy.types.Operator):
    """Show the clip's strip in this window's sequencer; without one, the 3D view is divided and gets one below it"""

    bl_idname = "realcam.open_in_sequencer"
    bl_label = "Open in Sequencer"

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Find or make the editor, have it show this scene, and frame the strips."""
        if context.window is None or bpy.app.background:
            self.report({"ERROR"}, NEEDS_A_WINDOW)
            return {"CANCELLED"}
        area = next((area for area in context.screen.areas if area.type == "SEQUENCE_EDITOR"), None)
        if area is None:
            area = _new_sequencer(context)
        if area is None:
            self.report({"ERROR"}, "No 3D view of this window can be divided: turn some editor into a Video Sequencer")
            return {"CANCELLED"}
        blender_versions.show_in_sequencer(context.workspace, context.scene)
        _to_frame.add(area.as_pointer())
        if not bpy.app.timers.is_registered(_frame_strips):
            bpy.app.timers.register(_frame_strips, first_interval=_SETTLE_SECONDS)
        return {"FINISHED"}


def look_through(area: bpy.types.Area, scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Make a 3D view look through a camera and draw what stands in its view.

    Args:
        area: The 3D view's area.
        scene: The scene that it shows.
        camera: A camera object; one that is not the scene's becomes this view's own.
    """
    space = area.spaces.active
    if camera != scene.camera:
        space.use_local_camera, space.camera = True, camera
    elif space.use_local_camera:
        space.use_local_camera = False
    # Pictures in the camera's view belong to the overlays.
    space.overlay.show_overlays = True
    space.region_3d.view_perspective = "CAMERA"


def stop() -> None:
    """Drop what waits for Blender to lay out a new editor; the add-on is being disabled."""
    _to_frame.clear()
    if bpy.app.timers.is_registered(_frame_strips):
        bpy.app.timers.unregister(_frame_strips)


def _show_to_camera(scene: bpy.types.Scene, take: Take) -> None:
    """Make sure that the take is the one that is shown, also in the camera's view.

    Raises:
        TimelineError: It cannot be shown.
    """
    shot = scene.realcam
    if not shot.show_in_background:
        shot.show_in_background = True
    if take not in shown_takes(scene):
        show_take(scene, take, background=True, compositor=shot.show_in_compositor)


def _largest_view(context: bpy.types.Context) -> bpy.types.Area | None:
    """The 3D view that the operator was called in, else the window's largest; None when it has none."""
    if context.area is not None and context.area.type == "VIEW_3D":
        return context.area
    views = [area for area in context.screen.areas if area.type == "VIEW_3D"]
    return max(views, key=lambda area: area.width * area.height, default=None)


def _new_sequencer(context: bpy.types.Context) -> bpy.types.Area | None:
    """A sequencer with preview below a 3D view of the window; None when no view can be divided."""
    view = _largest_view(context)
    if view is None:
        return None
    before = {area.as_pointer() for area in context.screen.areas}
    try:
        with context.temp_override(area=view):
            bpy.ops.screen.area_split(direction="HORIZONTAL", factor=_SEQUENCER_SHARE)
    except RuntimeError:
        return None
    made = next((area for area in context.screen.areas if area.as_pointer() not in before), None)
    if made is None:
        return None
    lower = min((view, made), key=lambda area: area.y)
    lower.type = "SEQUENCE_EDITOR"
    lower.spaces.active.view_type = "SEQUENCER_PREVIEW"
    return lower


@entry_point("The strips could not be framed")
def _frame_strips() -> None:
    """The timer that frames the strips and the picture of sequencers that were just opened."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.as_pointer() in _to_frame and area.type == "SEQUENCE_EDITOR":
                _frame(window, area)
    _to_frame.clear()


def _frame(window: bpy.types.Window, area: bpy.types.Area) -> None:
    for region in area.regions:
        frame = {"WINDOW": bpy.ops.sequencer.view_all, "PREVIEW": bpy.ops.sequencer.view_all_preview}.get(region.type)
        if frame is not None:
            with bpy.context.temp_override(window=window, area=area, region=region):
                if frame.poll():
                    frame()


CLASSES = (PlayClip, OpenInSequencer)
