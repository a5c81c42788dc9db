"""Try the Demo Photo: a scene to press Generate in, for somebody who has no photo at hand yet."""

from __future__ import annotations

from typing import Any, ClassVar

import bpy

from ...shot import demo_shot
from ..operator_result import OperatorResult
from ..text_wrap import draw_wrapped
from .first_look import look_through_camera

_LINES = (
    "A rendered room with its exact depth, in a scene of its own",
    "The camera has ordinary keys: play them with Space, change them as you like",
    "Press Generate: the clip follows the camera",
)


class TryDemo(bpy.types.Operator):
    """Make a new scene of the add-on's own photo, with a camera that moves through it. Your scenes stay as they are"""

    bl_idname = "realcam.try_demo"
    bl_label = "Try the Demo Photo"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Make the scene, show it in the window and look through its camera."""
        scene = demo_shot.demo_scene()
        shot = scene.realcam
        shot.name = demo_shot.NAME
        shot.engine_name = "draft"
        shot.clip_width, shot.clip_height = demo_shot.CLIP_SIZE
        shot.clip_frames = demo_shot.CLIP_FRAMES
        if context.window is not None:
            context.window.scene = scene
            look_through_camera(scene)
        self.report({"INFO"}, "The demo is ready: press Generate in the RealCam tab")
        return {"FINISHED"}


def draw_demo(layout: Any, context: bpy.types.Context, has_photo: bool) -> None:
    """The button while the scene has no photo; in the demo's scene, what is there and what to press next."""
    if not has_photo:
        layout.operator("realcam.try_demo", icon="SCENE_DATA")
    elif context.scene.get(demo_shot.IS_DEMO):
        for line in _LINES:
            draw_wrapped(layout, context, line)
        if "RealCam Shot" not in bpy.data.workspaces:
            layout.operator("realcam.shot_workspace", icon="WORKSPACE")


CLASSES = (TryDemo,)
