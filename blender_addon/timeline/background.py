"""A take as the background image of the artist's camera, so that it is seen in the viewport over the scene."""

from __future__ import annotations

import bpy

from .clip_image import clip_image, is_clip_image, remove_if_unused, set_timing
from .take import Take
from .view_transform import PLAIN

USE = "background"


def set_camera_background(camera: bpy.types.Object, take: Take) -> bpy.types.CameraBackgroundImage:
    """Show a take in the frame of a camera object, and return the background image.

    A camera shows one clip: another take replaces the pictures and keeps the artist's opacity and depth. It covers the
    frame just as it was made (see FrameFit). The artist's own background images stay.

    Raises TimelineError when the take's files are gone.
    """
    data = camera.data
    image = clip_image(take, USE, PLAIN)
    background = _ours(data)
    if background is None:
        background = data.background_images.new()
        background.alpha = 1.0
        background.display_depth = "FRONT"
    old, background.image = background.image, image
    if old is not None and old != image:
        remove_if_unused(old)
    background.source = "IMAGE"
    background.frame_method = "CROP"
    background.scale, background.rotation, background.offset = 1.0, 0.0, (0.0, 0.0)
    background.show_background_image = True
    data.show_background_images = True
    set_timing(background.image_user, take)
    return background


def remove_camera_background(camera: bpy.types.Object) -> None:
    """Take our background image off a camera; the artist's stay."""
    background = _ours(camera.data)
    if background is None:
        return
    image, background.image = background.image, None
    camera.data.background_images.remove(background)
    remove_if_unused(image)


def _ours(data: bpy.types.Camera) -> bpy.types.CameraBackgroundImage | None:
    return next((b for b in data.background_images if is_clip_image(b.image, None, USE)), None)
