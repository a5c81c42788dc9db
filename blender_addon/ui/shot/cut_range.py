"""Where timeline markers cut from one camera to another within the shot: buttons that choose one camera's frames."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy
from bpy.props import IntProperty

from ...shot.shot_camera import CameraRange, camera_ranges
from ..operator_result import OperatorResult
from ..redraw import redraw

_OFFERED = 4
"""How many of the cameras' ranges get a button."""


class UseCameraRange(bpy.types.Operator):
    """Let the shot be these frames alone, which are rendered through one camera. The scene's own range stays"""

    bl_idname = "realcam.use_camera_range"
    bl_label = "Use the Camera's Frames"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    first: IntProperty(name="First Frame", description="First frame of the shot")
    last: IntProperty(name="Last Frame", description="Last frame of the shot, included")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Give the shot a range of its own."""
        shot = context.scene.realcam
        shot.use_scene_range = False
        shot.frame_start, shot.frame_end = self.first, self.last
        redraw()
        return {"FINISHED"}


def draw_cut(layout: Any, scene: bpy.types.Scene) -> None:
    """Draw a button for the frames of each camera when markers cut within the shot; that of the frame shown first."""
    first, last = scene.realcam.frame_range()
    ranges = camera_ranges(scene, first, last) if first <= last else []
    if len(ranges) < 2:
        return
    ranges.sort(key=lambda part: not part.first <= scene.frame_current <= part.last)
    column = layout.column(align=True)
    for part in ranges[:_OFFERED]:
        button = column.operator("realcam.use_camera_range", text=_text(part), icon="TIME", translate=False)
        button.first, button.last = part.first, part.last


def _text(part: CameraRange) -> str:
    camera = "no camera" if part.camera is None else part.camera.name
    return f"Frames {part.first} to {part.last}: {camera}"


CLASSES = (UseCameraRange,)
