"""Depth edges moved onto the photo's edges."""

from __future__ import annotations

import numpy as np

from ...arrays import Float32, Int64, UInt8
from .windows import bends, depth_jumps, in_batches, neighbours, padded, squared_distance, weighted_median

REACH = 6
"""Pixels. An edge that is less than half as far from the photo's is moved onto it."""
STEP = 2
"""Of the pixels around one, every STEP-th each way is compared: 49 of 169."""
EDGE = 0.05
"""Relative jump of depth, within REACH, that makes an edge."""
STEEP = 5
"""Side of the window, pixels, within which an edge, however blurred, jumps."""
COLOUR_SIGMA = 12.0
"""Levels of 255 in which two colours are alike."""

_LIKENESS = np.exp(-np.arange(4096) / (2 * COLOUR_SIGMA**2)).astype(np.float32)
"""By the squared distance of two colours; beyond the table nothing is alike."""


def refine_edges(depth: Float32, photo: UInt8) -> Float32:
    """Depth in which pixels near a jump take the depth of the nearby pixels that look like them in the photo.

    It is the weighted median of those depths, so that no depth appears that was not there.

    Args:
        depth: [H, W] float32 metres, NaN where unknown.
        photo: [H, W, 3] uint8.

    Returns:
        [H, W] float32; what is unknown stays unknown.
    """
    near_jump = np.isfinite(depth) & depth_jumps(depth, STEEP, EDGE) & bends(depth, 2 * REACH + 1, EDGE)
    offsets = np.arange(-REACH, REACH + 1, STEP)
    depths_around = padded(depth, REACH, np.nan)
    colours = np.moveaxis(photo, -1, 0).astype(np.int32, order="C")
    colours_around = [padded(channel, REACH, 0) for channel in colours]
    result = depth.copy()

    def refine(pixels: Int64) -> None:
        around = neighbours(*np.divmod(pixels, depth.shape[1]), offsets, depth.shape[1])
        depths = depths_around.take(around)
        distance = squared_distance(colours_around, around, [channel.take(pixels) for channel in colours])
        weights = _LIKENESS.take(distance, mode="clip")
        weights[~np.isfinite(depths)] = 0
        result.flat[pixels] = weighted_median(depths, weights)

    in_batches(np.flatnonzero(near_jump), refine)
    return result
