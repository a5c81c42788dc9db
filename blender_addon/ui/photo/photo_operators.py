"""What is done with photos that are in the scene: choose the one that is worked on, clear the view of its camera."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import StringProperty

from ...scene.editing.current_photo import choose_photo, hide
from ...scene.importing.first_look import meshes_around
from ...scene.photo_scene import photo_scenes
from ..operator_result import OperatorResult
from .active_photo import ActivePhotoMixin, active_photo
from .first_look import look_through_camera


class ChoosePhoto(bpy.types.Operator):
    """Work on this photo: show and render it, and hide the scene's other photos"""

    bl_idname = "realcam.choose_photo"
    bl_label = "Work on This Photo"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    mesh: StringProperty(name="Photo", description="Name of the photo's mesh object")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Choose it, and look at it."""
        photo = next((photo for photo in photo_scenes(context.scene) if photo.mesh.name == self.mesh), None)
        if photo is None:
            self.report({"ERROR"}, f"There is no photo {self.mesh} in this scene")
            return {"CANCELLED"}
        choose_photo(context.scene, photo)
        context.scene.realcam.depth_edge = photo.depth_edge
        look_through_camera(context.scene)
        return {"FINISHED"}


class HideAround(ActivePhotoMixin, bpy.types.Operator):
    """Hide the meshes that stand around the photo's camera from view and render. Alt+H shows them again"""

    bl_idname = "realcam.hide_around"
    bl_label = "Hide What Is in the Way"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Hide them."""
        for subject in meshes_around(context.scene, active_photo(context)):
            hide(context.scene, subject)
        return {"FINISHED"}


CLASSES = (ChoosePhoto, HideAround)
