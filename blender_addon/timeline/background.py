"""A take as the background image of the artist's camera, so that it is seen in the viewport."""

from __future__ import annotations

import bpy

from ..colour_spaces import picture_space
from .clip_image import clip_image, is_clip_image, remove_if_unused, set_timing
from .take import Take

USE = "background"
"""What a background's image is marked with; see clip_image."""


def set_camera_background(camera: bpy.types.Object, take: Take) -> bpy.types.CameraBackgroundImage:
    """Show a take in the frame of a camera.

    It lies half transparent over the scene: behind it, the photo's own mesh would hide it. The artist may change its
    depth and opacity, and they stay. A camera shows one clip: another take replaces the pictures. It covers the frame
    as the clip was made for it (see FrameFit). The artist's own background images stay.

    Args:
        camera: A camera object.
        take: The take.

    Returns:
        The background image.

    Raises:
        TimelineError: The take's files are gone, or cannot be spread over the shot.
    """
    data = camera.data
    background = camera_background(camera)
    image = clip_image(take, USE, picture_space(), None if background is None else background.image)
    if background is None:
        background = data.background_images.new()
        background.alpha = 0.5
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
    """Remove our background image from a camera; the artist's stay."""
    background = camera_background(camera)
    if background is None:
        return
    image, background.image = background.image, None
    camera.data.background_images.remove(background)
    remove_if_unused(image)


def camera_background(camera: bpy.types.Object) -> bpy.types.CameraBackgroundImage | None:
    """Our background image of a camera object, None when it has none."""
    return next((b for b in camera.data.background_images if is_clip_image(b.image, None, USE)), None)
