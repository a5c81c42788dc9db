"""The clip as an image sequence, for the camera's background and the compositor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .frame_mapping import spread_file, write_spread
from .take import Take
from .takes import take_folder

IMAGE_PROPERTY = "realcam_clip"
"""Custom property of our images: {"shot", "take", "use"}."""


def clip_image(take: Take, use: str, colourspace: str, shown: bpy.types.Image | None = None) -> bpy.types.Image:
    """The image sequence of a take.

    An image that is used in one place alone gets the take's files; one that another camera or scene shows too, also
    for a shot of the same name, stays as it is there. Scenes with different views have an image each.

    Args:
        take: The take.
        use: What it is for; images of different uses are different datablocks.
        colourspace: The colour space that the files are read in.
        shown: The image that stands where this one is wanted, None for none.

    Raises:
        TimelineError: The take's files are gone or cannot be spread over the shot.
    """
    folder = take_folder(take)
    write_spread(Path(bpy.path.abspath(folder)), take.frames, take.duration)
    path = f"{folder}/{spread_file(take.frames, take.duration)}"
    image = shown if is_clip_image(shown, take.shot, use) and shown is not None and shown.users < 2 else None
    if image is None:
        same = (image for image in bpy.data.images if is_clip_image(image, take.shot, use) and image.library is None)
        alike = (image for image in same if image.colorspace_settings.name == colourspace)
        image = next((image for image in alike if image.filepath == path), None)
    if image is None:
        image = bpy.data.images.load(path)
        image.source = "SEQUENCE"
    else:
        image.filepath = path
    image.name = f"{take.label} {use}"
    image[IMAGE_PROPERTY] = {"shot": take.shot, "take": take.number, "use": use}
    image.colorspace_settings.name = colourspace
    return image


def is_clip_image(image: bpy.types.Image | None, shot: str | None, use: str) -> bool:
    """Whether an image is ours, for a shot and a use.

    Args:
        image: The image; None is not ours.
        shot: The shot's name, None for any.
        use: What it is for.
    """
    if image is None or IMAGE_PROPERTY not in image:
        return False
    clip = image[IMAGE_PROPERTY]
    return clip["use"] == use and shot in (None, clip["shot"])


def remove_if_unused(image: bpy.types.Image) -> None:
    """Remove one of our images when nothing uses it any more."""
    if image.users == 0:
        bpy.data.images.remove(image)


def set_timing(user: Any, take: Take) -> None:
    """Make an image user, or an Image node, show the sequence of `clip_image` during the shot."""
    user.frame_start = take.frame_start
    user.frame_duration = take.duration
    user.frame_offset = -1
    user.use_cyclic = False
    user.use_auto_refresh = True
