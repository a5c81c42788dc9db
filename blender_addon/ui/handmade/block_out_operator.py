"""Block Out: look through the photo's camera, the artist's meshes see-through before the photo."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...blend_paths import blend_path
from ...core.depth.layout.layout import DepthLayout
from ...scene import PhotoScene, find_photo_scene
from ...scene.handmade.block_out import begin_block_out, end_block_out, is_blocking_out
from ...scene.importing.first_look import prepare_first_look
from ...scene.importing.laid_out_photo import scene_of_layout
from ..layout.import_laid_out import waiting_photo
from ..operator_result import OperatorResult
from ..photo.first_look import leave_photos_camera, look_through_camera, look_through_photos_camera
from ..photo.import_fields import import_settings
from .object_mode import OutsideModes

FAR = 10.0
"""Metres ahead at which a photo without depth is put, flat, until geometry gives it some."""


class BlockOut(bpy.types.Operator):
    """See one's meshes before the photo, or the photo's mesh again."""

    bl_idname = "realcam.block_out"
    bl_label = "Block Out"
    bl_description = (
        "Look through the photo's camera, your meshes see-through before the photo, so that boxes and planes can be "
        "placed on what it shows; then press My Geometry. Press again to end it"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a photo, in the panel or in the scene."""
        if not waiting_photo(context.scene) and find_photo_scene(context.scene) is None:
            cls.poll_message_set("Choose a photo first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Begin, with a flat photo when it has no depth yet; or end."""
        scene = context.scene
        said: list[str] = []
        with OutsideModes(context):
            if waiting_photo(scene):
                photo, said = _flat_photo(scene)
            else:
                found = find_photo_scene(scene)
                assert found is not None
                photo = found
            if is_blocking_out(photo):
                end_block_out(scene, photo)
                leave_photos_camera(scene, photo)
                return {"FINISHED"}
            begin_block_out(scene, photo)
        look_through_photos_camera(scene, photo)
        scene.realcam.shows_geometry = True
        what = "Place meshes on what the photo shows (Add > Mesh), then press My Geometry."
        self.report({"INFO"}, " ".join([what, *said]))
        return {"FINISHED"}


def _flat_photo(scene: bpy.types.Scene) -> tuple[PhotoScene, list[str]]:
    """Put the photo that waits in the panel into the scene, flat; and what is to be said of it."""
    fields = scene.realcam.photo
    path = blend_path(waiting_photo(scene))
    photo = scene_of_layout(scene, path, DepthLayout(ground=None, farthest=FAR), import_settings(fields))
    scene.realcam.depth_edge = photo.depth_edge
    fields.waits = False
    said = prepare_first_look(scene, photo, fields.add_camera)
    look_through_camera(scene)
    return photo, said


CLASSES = (BlockOut,)
