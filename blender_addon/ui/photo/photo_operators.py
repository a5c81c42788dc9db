"""What is done with photos that are in the scene: choose the one that is worked on, clear the view of its camera."""

from __future__ import annotations

from typing import ClassVar

import bpy
from bpy.props import IntProperty, StringProperty

from ...scene.edited_mesh import copies_of, make_own_photo, put_back, restore_camera
from ...scene.editing.current_photo import choose_photo, hide, set_seen
from ...scene.editing.rescale import draw_in_units
from ...scene.handmade.block_out import end_block_out
from ...scene.importing.first_look import meshes_around
from ...scene.photo_scene import photo_scenes, with_own_axes
from ..operator_result import OperatorResult
from .active_photo import ActivePhotoMixin, LeftEditMode, active_photo
from .first_look import leave_photos_camera, look_through_camera


class ChoosePhoto(bpy.types.Operator):
    """Work on this photo: show and render it, and hide the scene's other photos"""

    bl_idname = "realcam.choose_photo"
    bl_label = "Work on This Photo"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    mesh: StringProperty(name="Photo", description="Name of the photo's mesh object")
    session_uid: IntProperty(
        name="Session UID", description="Of that object, where several have its name; 0 for none", options={"HIDDEN"}
    )

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Choose it, and look at it: no photo is being blocked out then."""
        named = [photo for photo in photo_scenes(context.scene) if photo.mesh.name == self.mesh]
        named.sort(key=lambda photo: photo.mesh.session_uid != self.session_uid)
        photo = next(iter(named), None)
        if photo is None:
            self.report({"ERROR"}, f"There is no photo {self.mesh} in this scene")
            return {"CANCELLED"}
        for other in photo_scenes(context.scene):
            end_block_out(context.scene, other)
            leave_photos_camera(context.scene, other)
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


class RestoreAxes(ActivePhotoMixin, bpy.types.Operator):
    """Give the photo's mesh its camera's axes back after Apply or Set Origin. Nothing that is seen moves"""

    bl_idname = "realcam.restore_axes"
    bl_label = "Restore Axes"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Restore them."""
        with_own_axes(active_photo(context))
        return {"FINISHED"}


class PutBack(ActivePhotoMixin, bpy.types.Operator):
    """Put every vertex of the photo's mesh back to where its depth was last made"""

    bl_idname = "realcam.put_back"
    bl_label = "Put Back"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Put them back, in Edit Mode too."""
        with LeftEditMode(context):
            put_back(active_photo(context))
        return {"FINISHED"}


class RestoreCamera(ActivePhotoMixin, bpy.types.Operator):
    """Make the photo's camera again, where it took the photo, and show the photo's mesh"""

    bl_idname = "realcam.restore_camera"
    bl_label = "Make Its Camera Again"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Make it. The mesh is hidden where the camera was deleted while the photo was blocked out."""
        photo = restore_camera(active_photo(context))
        set_seen(context.scene, photo.mesh, True)
        return {"FINISHED"}


class DrawInUnits(ActivePhotoMixin, bpy.types.Operator):
    """Draw the photo, your cameras and what is tied to them as large as the scene's Unit Scale shows their metres"""

    bl_idname = "realcam.draw_in_units"
    bl_label = "Draw It in the Scene's Units"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Draw it. Shots and all metres of the photo stay as they are."""
        draw_in_units(context.scene, active_photo(context))
        return {"FINISHED"}


class OwnPhoto(ActivePhotoMixin, bpy.types.Operator):
    """Make each copy of this photo's mesh a photo of its own, which can be worked on by itself"""

    bl_idname = "realcam.own_photo"
    bl_label = "Make Copies Their Own Photos"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Make them."""
        for copy in copies_of(context.scene, active_photo(context)):
            make_own_photo(context.scene, copy)
        return {"FINISHED"}


CLASSES = (ChoosePhoto, HideAround, RestoreAxes, PutBack, RestoreCamera, DrawInUnits, OwnPhoto)
