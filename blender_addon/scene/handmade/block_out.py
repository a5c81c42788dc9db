"""Blocking a photo out with meshes: seen through its camera, the photo behind them."""

from __future__ import annotations

import bpy

from ...core.errors import PhotoError
from ..editing.current_photo import set_seen
from ..photo_frame import check_editable
from ..photo_scene import PhotoScene


def is_blocking_out(photo_scene: PhotoScene) -> bool:
    """Whether the photo is shown behind the view of its camera."""
    return photo_scene.camera is not None and bool(_pictures(photo_scene.camera, photo_scene.image))


def begin_block_out(scene: bpy.types.Scene, photo_scene: PhotoScene) -> bpy.types.Object:
    """Show the photo behind the view of its camera, and hide its mesh, which would hide geometry.

    Args:
        scene: For the shape that it renders at.
        photo_scene: The photo.

    Returns:
        The photo's camera.

    Raises:
        PhotoError: The artist deleted the camera, or the photo is linked from another file.
    """
    check_editable(photo_scene.mesh)
    camera = photo_scene.camera
    if camera is None:
        raise PhotoError(
            "The photo's camera is gone",
            f"{photo_scene.mesh.name} has none in this scene",
            "Press Make Its Camera Again in the Photo panel.",
        )
    end_block_out(scene, photo_scene)
    picture = camera.data.background_images.new()
    picture.image = photo_scene.image
    picture.alpha, picture.display_depth = 1.0, "BACK"
    picture.frame_method = _frame_method(scene, photo_scene)
    camera.data.show_background_images = True
    set_seen(scene, photo_scene.mesh, False)
    return camera


def end_block_out(scene: bpy.types.Scene, photo_scene: PhotoScene) -> None:
    """Take the photo away from behind its camera's view, and show its mesh again. Does nothing when it is not there."""
    if photo_scene.camera is None or not is_blocking_out(photo_scene):
        return
    pictures = photo_scene.camera.data.background_images
    for picture in _pictures(photo_scene.camera, photo_scene.image):
        pictures.remove(picture)
    set_seen(scene, photo_scene.mesh, True)


def _pictures(camera: bpy.types.Object, image: bpy.types.Image) -> list[bpy.types.CameraBackgroundImage]:
    return [picture for picture in camera.data.background_images if picture.image == image]


def _frame_method(scene: bpy.types.Scene, photo_scene: PhotoScene) -> str:
    """How the photo fills the frame, so that the side that the camera's lens counts is the photo's whole side."""
    render, (width, height) = scene.render, photo_scene.photo_size
    frame = render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)
    is_wider = width / height >= frame
    counts_width = photo_scene.camera is not None and photo_scene.camera.data.sensor_fit == "HORIZONTAL"
    return "FIT" if is_wider == counts_width else "CROP"
