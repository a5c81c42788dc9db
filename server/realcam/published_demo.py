"""How the published demo gets from a photo and a pose file to the network's inputs, number for number.

The product does not work so: it knows the photo's lens and interpolates rotations as rotations. This is for comparing
a result with the demo's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Float64 = NDArray[np.float64]
UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class DemoPicture:
    """frame [H, W, 3] uint8; intrinsics [3, 3], a 90 degree lens on the longer side; resized: (height, width) before
    the crop."""

    frame: UInt8
    intrinsics: Float64
    resized: tuple[int, int]


def demo_picture(photo: UInt8, size: tuple[int, int]) -> DemoPicture:
    """The photo [h, w, 3] resized to cover `size` (width, height) and cropped in the middle.

    A portrait photo swaps the sides of `size`, which the demo's own sampler then cannot digest unless it is square.
    """
    height, width = photo.shape[:2]
    target_width, target_height = size if width >= height else size[::-1]
    if width * target_height > height * target_width:
        resized = (target_height, int(width * target_height / height))
    else:
        resized = (int(height * target_width / width), target_width)
    picture = np.asarray(Image.fromarray(photo).resize(resized[::-1], Image.Resampling.BILINEAR))
    top, left = (resized[0] - target_height) // 2, (resized[1] - target_width) // 2
    focal = 0.5 * max(resized)
    return DemoPicture(
        frame=picture[top : top + target_height, left : left + target_width],
        intrinsics=np.array([[focal, 0, target_width / 2], [0, focal, target_height / 2], [0, 0, 1]]),
        resized=resized,
    )


def matrix_lerp(poses: Float64, count: int) -> Float64:
    """`count` poses spread over [N, 4, 4], the matrices' entries interpolated: rotations shrink between keys."""
    return lerp_at(poses, np.linspace(0, len(poses) - 1, count))


def lerp_at(poses: Float64, positions: Float64) -> Float64:
    """Entries interpolated at fractional indices."""
    left = np.clip(positions.astype(np.int64), 0, max(len(poses) - 2, 0))
    weight = (positions - left)[:, None, None]
    right = np.minimum(left + 1, len(poses) - 1)
    return np.asarray((1 - weight) * poses[left] + weight * poses[right])


def extract(poses: Float64, ratio: float, frames: int = 16) -> Float64:
    """The first `ratio` of a path, in `frames` poses."""
    return matrix_lerp(poses, round(frames / ratio))[:frames]


def loop(poses: Float64, frames: int = 16) -> Float64:
    """There and back again."""
    return matrix_lerp(np.concatenate([poses, poses[::-1]]), frames)


def bezier_curve(count: int, a: float = 0.5, b: float = 0.5) -> tuple[Float64, Float64]:
    """x and y [count] of the ease with control points (0, 0), (a, 0), (b, 1), (1, 1)."""
    t = np.linspace(0, 1, count)
    x = 3 * (1 - t) ** 2 * t * a + 3 * (1 - t) * t**2 * b + t**3
    y = 3 * (1 - t) * t**2 + t**3
    return x, y


def bezier_ease(poses: Float64, a: float = 0.5, b: float = 0.5) -> Float64:
    """The same path, started and ended gently."""
    count = len(poses)
    xs, ys = bezier_curve(count, a, b)
    times = np.linspace(0, 1, count)
    right = np.minimum(np.searchsorted(xs, times), count - 1)
    left = np.maximum(right - 1, 0)
    weight = np.clip((times - xs[left]) / np.maximum(xs[right] - xs[left], 1e-9), 0, 1)
    return lerp_at(poses, ((1 - weight) * ys[left] + weight * ys[right]) * (count - 1))
