"""What a server takes (Limits, in its WELCOME), asked before anything is rendered or sent.

Pictures above it are made smaller, a photo's lens with it; what cannot be made smaller is refused with its remedy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ..arrays import Float32, UInt8
from ..camera.projection import scaled_intrinsics
from ..depth.cleaning.upsample import shrunk
from ..errors import ShotError
from ..protocol.messages import Limits
from .payload_format import FASTEST, SLOWEST
from .shot import Shot


def check_clip_limits(
    limits: Limits, size: tuple[int, int], frames: int, fps: float, prompts: Iterable[str] = ()
) -> None:
    """Refuse a clip that the server would refuse once it was sent.

    Args:
        limits: the server's.
        size: (width, height) of the clip in pixels.
        frames: frame count.
        fps: frames a second.
        prompts: the texts that go with it.

    Raises:
        ShotError: it is larger than the server takes, its rate is none, or a text is too long.
    """
    if frames > limits.frames or max(size) > limits.side:
        raise ShotError(
            "The clip is larger than the server takes",
            f"{frames} frames of {size[0]} x {size[1]}",
            f"It takes {limits.frames} frames of {limits.side} pixels a side at most.",
        )
    if not SLOWEST <= fps <= FASTEST:
        raise ShotError(
            "The frame rate makes no sense",
            f"{fps:g} frames a second, allowed {SLOWEST:g} to {FASTEST:g}",
            "Set the scene's frame rate; on the command line --fps.",
        )
    longest = max((len(text) for text in prompts), default=0)
    if longest > limits.prompt:
        raise ShotError("The prompt is too long", f"{longest} characters, allowed {limits.prompt}", "Shorten it.")
    preview = frames * size[0] * size[1] * 4
    if preview > limits.payload_bytes:
        raise ShotError(
            "The shot is larger than the server takes",
            f"its preview alone has {preview / 1e6:.0f} MB, allowed {limits.payload_bytes / 1e6:.0f}",
            "Make fewer frames, or a smaller clip.",
        )


def size_within(size: tuple[int, int], limits: Limits) -> tuple[int, int]:
    """(width, height) of a picture as it is sent: its own, or the largest of its shape that the server takes."""
    share = math.sqrt(limits.photo_pixels / (size[0] * size[1]))
    return size if share >= 1 else (max(int(size[0] * share), 1), max(int(size[1] * share), 1))


def picture_within(picture: UInt8, limits: Limits) -> UInt8:
    """A picture [h, w, 3] uint8 at size_within: the mean of the pixels that fall into each."""
    return shrunk(picture, size_within((picture.shape[1], picture.shape[0]), limits))


def depth_within(depth: Float32, limits: Limits) -> Float32:
    """A depth map [h, w] at size_within: the nearest pixels, so that no depth appears between two surfaces."""
    rows, columns = depth.shape
    width, height = size_within((columns, rows), limits)
    if (width, height) == (columns, rows):
        return depth
    down, across = ((np.arange(new) * 2 + 1) * old // (2 * new) for new, old in ((height, rows), (width, columns)))
    return np.asarray(depth[down[:, None], across], dtype=np.float32)


def shot_within(shot: Shot, limits: Limits) -> Shot:
    """The shot with its photo, last image and depth as large as the server takes, and the lens of that photo.

    Raises:
        ShotError: even so it is larger than the server takes.
    """
    photo = picture_within(shot.photo, limits)
    lens = scaled_intrinsics(shot.photo_intrinsics, shot.photo_size, (photo.shape[1], photo.shape[0]))
    last_image = None if shot.last_image is None else picture_within(shot.last_image, limits)
    depth = depth_within(shot.depth, limits)
    found = replace(shot, photo=photo, photo_intrinsics=lens, last_image=last_image, depth=depth)
    parts = (found.photo, found.preview, found.depth, *(() if last_image is None else (last_image,)))
    total = sum(part.nbytes for part in parts)
    if total + limits.header_bytes > limits.payload_bytes:
        raise ShotError(
            "The shot is larger than the server takes",
            f"{total / 1e6:.0f} MB, allowed {limits.payload_bytes / 1e6:.0f}",
            "Make fewer frames, or use a smaller photo.",
        )
    return found
