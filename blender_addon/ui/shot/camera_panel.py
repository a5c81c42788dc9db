"""The camera's panel: which camera, which move, which frames."""

from __future__ import annotations

import bpy

from ...shot import scene_rate
from ...shot.shot_camera import shot_camera
from ..sidebar import NeedsPhotoPanel
from ..text_wrap import draw_wrapped


class CameraPanel(NeedsPhotoPanel, bpy.types.Panel):
    """The artist's camera and its move."""

    bl_idname = "REALCAM_PT_camera"
    bl_label = "Camera"
    bl_parent_id = "REALCAM_PT_main"

    def draw(self, context: bpy.types.Context) -> None:
        """Which camera, and named moves to start from."""
        layout = self.layout
        scene = context.scene
        shot = scene.realcam
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(scene, "camera")
        first, last = shot.frame_range()
        camera = shot_camera(scene, first)
        if camera is not None and camera != scene.camera:
            draw_wrapped(layout, context, f"A marker makes {camera.name} the camera at frame {first}.", "INFO")
        layout.operator("realcam.add_move", icon="CON_FOLLOWPATH")
        column = layout.column()
        column.prop(shot, "use_scene_range")
        if shot.use_scene_range:
            column.label(text=f"Frames {first} to {last}, {scene_rate(scene):g} fps")
        else:
            column = layout.column(align=True)
            column.prop(shot, "frame_start")
            column.prop(shot, "frame_end", text="Last")


CLASSES = (CameraPanel,)
