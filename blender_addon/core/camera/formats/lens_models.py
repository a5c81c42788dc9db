"""What a camera file says of its lens: which models a pinhole stands for, and pictures of several sizes as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...arrays import Float64
from ...errors import CameraError
from ..projection import scaled_intrinsics

PINHOLE_MODELS = (
    *("PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE"),
    *("SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV"),
)
"""Names of camera models that are a pinhole, or one with a distortion that a pinhole leaves out."""

ASPECT_TOLERANCE = 0.01
"""By how much the aspects of pictures of one clip may differ: whole pixels round them."""


def check_pinhole(model: str, whose: str = "") -> None:
    """Raise CameraError unless a camera model is one that a pinhole stands for.

    Args:
        model: its name, in any case.
        whose: the camera's or picture's, for the error.

    Raises:
        CameraError: the model is another, known or not.
    """
    if model.upper() not in PINHOLE_MODELS:
        raise CameraError(
            "This camera is no pinhole",
            f"{whose}: {model}" if whose else model,
            f"Undistort the pictures first. Models that are read: {', '.join(PINHOLE_MODELS)}.",
        )


def of_one_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two pictures of (width, height) have one aspect, but for the rounding to whole pixels."""
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= ASPECT_TOLERANCE


def intrinsics_of_one_size(
    intrinsics: Sequence[Float64], sizes: Sequence[tuple[int, int]], names: Sequence[str]
) -> Float64:
    """The intrinsics of every frame in pixels of the first frame's size.

    Args:
        intrinsics: [F] of [3, 3], each in pixels of its own picture.
        sizes: [F] (width, height) of each picture, pixels.
        names: [F] of the pictures, for the error.

    Returns:
        [F, 3, 3] float64.

    Raises:
        CameraError: a picture has another aspect than the first, or no area.
    """
    width, height = sizes[0]
    for name, size in zip(names, sizes, strict=True):
        if min(size) <= 0:
            raise CameraError("A picture has no area", f"{name}: {size[0]} x {size[1]}")
        if not of_one_aspect(size, (width, height)):
            raise CameraError(
                "The pictures have different aspects",
                f"{names[0]} is {width} x {height}, {name} {size[0]} x {size[1]}",
                "Keep the pictures of one aspect in a file: a trajectory has one size.",
            )
    scaled = [scaled_intrinsics(k, size, (width, height)) for k, size in zip(intrinsics, sizes, strict=True)]
    return np.stack(scaled)
