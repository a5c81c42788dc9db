"""The photo that waits in the panel becomes a scene by a layout."""

from __future__ import annotations

import bpy

from ...blend_paths import blend_path
from ...core.depth.layout.layout import DepthLayout
from ...scene import PhotoScene
from ...scene.importing.first_look import prepare_first_look
from ...scene.importing.laid_out_photo import scene_of_layout
from ...scene.photo_file import read_photo
from ..photo.first_look import look_through_camera
from ..photo.import_fields import import_settings


def waiting_photo(scene: bpy.types.Scene) -> str:
    """The file of the photo that was chosen and has no depth yet; "" for none."""
    fields = scene.realcam.photo
    return fields.photo_path.strip() if fields.waits else ""


def waiting_size(scene: bpy.types.Scene) -> tuple[int, int]:
    """(width, height) in pixels of that photo, upright.

    Raises:
        PhotoError: It cannot be used.
    """
    photo = read_photo(blend_path(waiting_photo(scene)))
    try:
        return photo.size
    finally:
        bpy.data.images.remove(photo.image)


def import_laid_out(scene: bpy.types.Scene, layout: DepthLayout) -> tuple[PhotoScene, list[str]]:
    """Put the photo of the panel into the scene, laid out; and what is to be said of it.

    Raises:
        PhotoError: The photo cannot be used, or the layout is none of it.
        CameraError: Blender has no camera with its lens.
    """
    fields = scene.realcam.photo
    path = blend_path(waiting_photo(scene))
    photo = scene_of_layout(scene, path, layout, import_settings(fields))
    scene.realcam.depth_edge = photo.depth_edge
    fields.waits = False
    said = prepare_first_look(scene, photo, fields.add_camera)
    look_through_camera(scene)
    return photo, said
