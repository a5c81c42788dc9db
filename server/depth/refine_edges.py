"""Depth edges moved to where the photo has its edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.depth_cleaning import bends, depth_jumps
from blender_addon.core.shot import Float32, UInt8

from .windows import neighbours

RADIUS = 5
"""Pixels. An edge that lies less than half as far from the photo's is moved onto it."""
COLOUR_SIGMA = 12.0
"""Levels of 255 in which two colours are alike."""
BATCH = 50_000


def refine_edges(depth: Float32, photo: UInt8, radius: int = RADIUS, edge: float = 0.05) -> Float32:
    """Depth [H, W] in which pixels near a jump take the depth of the nearby pixels that look like them in photo
    [H, W, 3]: the weighted median, so that no depth appears that was not there. Unknown stays unknown."""
    k = 2 * radius + 1
    near_jump = np.isfinite(depth) & depth_jumps(depth, k, edge) & bends(depth, k, edge)
    rows, columns = np.nonzero(near_jump)
    result = depth.copy()
    for start in range(0, len(rows), BATCH):
        part = slice(start, start + BATCH)
        y, x, inside = neighbours(rows[part], columns[part], radius, depth.shape)
        weight = _likeness(photo, rows[part], columns[part], y, x) * (inside & np.isfinite(depth[y, x]))
        result[rows[part], columns[part]] = weighted_median(depth[y, x], weight)
    return result


def weighted_median(values: Float32, weights: Float32) -> Float32:
    """[N] the value of each row [N, K] at which half of its weight is reached; weight 0 is not looked at."""
    order = np.argsort(np.where(weights > 0, values, np.inf), axis=1)
    running = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    middle = np.argmax(running >= running[:, -1:] / 2, axis=1)
    return np.asarray(np.take_along_axis(values, np.take_along_axis(order, middle[:, None], axis=1), axis=1)[:, 0])


def _likeness(
    photo: UInt8, rows: NDArray[np.int64], columns: NDArray[np.int64], y: NDArray[np.int64], x: NDArray[np.int64]
) -> Float32:
    """[N, K] how alike the colours at (y, x) and the pixels are, 0..1."""
    colour = photo[y, x].astype(np.float32) - photo[rows, columns][:, None]
    return np.asarray(np.exp(-(colour**2).sum(-1) / (2 * COLOUR_SIGMA**2)), dtype=np.float32)
