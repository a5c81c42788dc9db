"""Match a Camera: the photo stands where another camera stands, an fSpy scene's for example, with its lens."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import StringProperty

from ...scene.editing.rig_dependencies import artists_cameras
from ...scene.handmade.match_camera import match_camera
from ..operator_result import OperatorResult
from ..photo.active_photo import ActivePhotoMixin, active_photo
from .object_mode import OutsideModes


class MatchCamera(ActivePhotoMixin, bpy.types.Operator):
    """Put the photo where another camera stands, with its lens: that of an fSpy scene, a scan or a tracked shot"""

    bl_idname = "realcam.match_camera"
    bl_label = "Match a Camera"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    camera: StringProperty(name="Camera", description="The camera that saw what the photo shows", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Take the selected camera; ask when none is."""
        active = context.active_object
        if active is not None and active.select_get() and active in artists_cameras(context.scene):
            self.camera = active.name
            return self.execute(context)
        return set(context.window_manager.invoke_props_dialog(self, width=320, confirm_text="Match"))

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Move the photo and rebuild it with the lens, in Edit Mode too."""
        cameras = [o for o in context.scene.objects if o.name == self.camera]
        # A linked camera may have the name of another: the selected one is meant.
        cameras.sort(key=lambda camera: camera != context.active_object)
        camera = next(iter(cameras), None)
        if camera is None:
            self.report({"ERROR"}, "No camera is chosen. Choose the one that saw what the photo shows.")
            return {"CANCELLED"}
        with OutsideModes(context):
            photo = match_camera(context.scene, active_photo(context), camera, context.evaluated_depsgraph_get())
        self.report({"INFO"}, f"The photo stands where {camera.name} stands. Focal length: {photo.focal_source}")
        return {"FINISHED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The camera, by name."""
        self.layout.prop_search(self, "camera", context.scene, "objects", icon="CAMERA_DATA")


CLASSES = (MatchCamera,)
