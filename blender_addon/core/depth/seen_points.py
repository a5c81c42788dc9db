"""The depth that a cloud of points has, as a LiDAR scan's, seen by the photo's camera."""

from __future__ import annotations

import numpy as np

from ..arrays import Float32, Float64
from .rasterize import NEAR

POINTS_A_PIXEL = 4
"""Points that a pixel of the depth map holds on average, so that few pixels are empty or see what is behind."""
BEHIND = 0.05
"""Relative distance behind its neighbours from which a pixel may show something else."""


def seen_points(points: Float64, intrinsics: Float64, photo_size: tuple[int, int], most_pixels: int) -> Float32 | None:
    """The nearest point in each pixel of a depth map whose size suits the cloud.

    Args:
        points: [N, 3] metres in the camera's frame, OpenCV axes.
        intrinsics: [3, 3] in pixels of photo_size.
        photo_size: (width, height) pixels.
        most_pixels: of the depth map.

    Returns:
        [h, w] float32 metres along z of about the photo's aspect, NaN where no point is; None where the camera sees
        fewer than POINTS_A_PIXEL points.
    """
    in_front = points[points[:, 2] > NEAR]
    homogeneous = in_front @ intrinsics.T
    place = homogeneous[:, :2] / homogeneous[:, 2:] / photo_size
    seen = ((place >= 0) & (place < 1)).all(axis=1)
    if seen.sum() < POINTS_A_PIXEL:
        return None
    width, height = photo_size
    pixels = min(seen.sum() / POINTS_A_PIXEL, most_pixels, width * height)
    shrink = float(np.sqrt(pixels / (width * height)))
    columns, rows = max(round(width * shrink), 1), max(round(height * shrink), 1)
    depth = np.full((rows, columns), np.inf, np.float32)
    column, row = (place[seen] * (columns, rows)).astype(np.int64).T
    np.minimum.at(depth, (row, column), in_front[seen, 2].astype(np.float32))
    return _without_hidden(np.where(np.isfinite(depth), depth, np.float32(np.nan)))


def _without_hidden(depth: Float32) -> Float32:
    """The depth [h, w] without the pixels that show something through the gaps between nearer points.

    Most of their known neighbours are nearer by more than BEHIND; beside a true edge at most half of them are.
    """
    rows, columns = depth.shape
    around = np.pad(depth, 1, constant_values=np.nan)
    known, nearer = np.zeros(depth.shape, np.int8), np.zeros(depth.shape, np.int8)
    for row, column in np.ndindex(3, 3):
        if (row, column) != (1, 1):
            neighbour = around[row : row + rows, column : column + columns]
            known += np.isfinite(neighbour)
            nearer += neighbour * np.float32(1 + BEHIND) < depth
    return np.where(2 * nearer > known, np.float32(np.nan), depth)
