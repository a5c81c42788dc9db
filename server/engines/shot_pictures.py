"""The photo and the last image as an engine's lens sees them, and the frame that stands where the photo was taken."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Bool, Float64, UInt8
from blender_addon.core.camera.beginning import SAME_POSE
from blender_addon.core.camera.frame_fit import FrameFit
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.shot import Shot

MOST_PADDING = 4.0
"""How far the engine's frame may look past the photo on each side, in widths (heights) of the photo."""

LEAST_OF_FRAME = 0.5
"""The share of the clip's frame that a last image must fill."""


def reference_frame(poses: Float64) -> int | None:
    """The frame that stands where the photo was taken, None when the camera never passes there.

    Args:
        poses: [F, 4, 4] camera-to-world as seen from the photo's camera, metres.
    """
    metres = np.linalg.norm(poses[:, :3, 3], axis=1)
    cosine = (np.trace(poses[:, :3, :3], axis1=1, axis2=2) - 1) / 2
    radians = np.arccos(np.clip(cosine, -1, 1))
    best = int(np.argmin(metres / SAME_POSE[0] + radians / SAME_POSE[1]))
    return best if metres[best] <= SAME_POSE[0] and radians[best] <= SAME_POSE[1] else None


def engine_picture(shot: Shot, intrinsics: Float64) -> UInt8:
    """The photo as its camera would see it through the engine's lens, its border repeated where that looks past it.

    Args:
        shot: the photo, its intrinsics and the size of the clip.
        intrinsics: [3, 3] of the engine's lens, pixels of the clip.

    Returns:
        [H, W, 3] uint8.

    Raises:
        EngineError: the lens looks more than MOST_PADDING past the photo.
    """
    height, width = shot.photo.shape[:2]
    size = (shot.trajectory.width, shot.trajectory.height)
    box = []
    for axis, engine_size in enumerate(size):
        scale = shot.photo_intrinsics[axis, axis] / intrinsics[axis, axis]
        first = shot.photo_intrinsics[axis, 2] - intrinsics[axis, 2] * scale
        box.append((first, first + engine_size * scale))
    (left, right), (top, bottom) = box
    margins = [math.ceil(max(0.0, m)) for m in (-left, right - width, -top, bottom - height)]
    if max(margins[:2]) > MOST_PADDING * width or max(margins[2:]) > MOST_PADDING * height:
        raise EngineError(
            "The shot's lens is far wider than the photo's",
            f"it looks {max(margins)} pixels past a photo of {width} x {height}",
            "Use a longer lens, or check the photo's focal length.",
        )
    before_x, after_x, before_y, after_y = margins
    padded = np.pad(shot.photo, ((before_y, after_y), (before_x, after_x), (0, 0)), mode="edge")
    area = (left + before_x, top + before_y, right + before_x, bottom + before_y)
    return np.asarray(Image.fromarray(padded).resize(size, Image.Resampling.BILINEAR, box=area))


def photo_covers(shot: Shot, intrinsics: Float64) -> Bool:
    """[H, W] the pixels of the clip whose middle shows the photo, from the photo's own camera.

    Args:
        shot: the photo, its intrinsics and the size of the clip.
        intrinsics: [3, 3] of the engine's lens, pixels of the clip.
    """
    there = []
    for axis, (size, limit) in enumerate(
        zip((shot.trajectory.width, shot.trajectory.height), shot.photo_size, strict=True)
    ):
        scale = shot.photo_intrinsics[axis, axis] / intrinsics[axis, axis]
        on_photo = (np.arange(size) + 0.5 - intrinsics[axis, 2]) * scale + shot.photo_intrinsics[axis, 2]
        there.append((on_photo >= 0) & (on_photo <= limit))
    return np.asarray(there[1][:, None] & there[0][None, :])


def last_picture(picture: UInt8, size: tuple[int, int]) -> UInt8:
    """The last image where the artist's frame lies in the clip's.

    It is whole and in the middle; around it, its border is repeated.

    Args:
        picture: [h, w, 3] uint8.
        size: (width, height) of the clip, pixels.

    Returns:
        [H, W, 3] uint8.

    Raises:
        EngineError: it would fill less than LEAST_OF_FRAME of the frame.
    """
    height, width = picture.shape[:2]
    left, top, inner_width, inner_height = FrameFit((width, height), size).artist_rect
    filled = inner_width * inner_height / (size[0] * size[1])
    if filled < LEAST_OF_FRAME:
        raise EngineError(
            "The last image is of another shape than the clip",
            f"{width} x {height} pixels fill {filled:.0%} of {size[0]} x {size[1]}",
            "Crop it to the shape of your render.",
        )
    columns, rows = round(inner_width), round(inner_height)
    scaled = np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.LANCZOS))
    before = (round(top), round(left))
    margins = ((before[0], size[1] - rows - before[0]), (before[1], size[0] - columns - before[1]), (0, 0))
    return np.pad(scaled, margins, mode="edge")
