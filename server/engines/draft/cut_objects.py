"""Which objects does the photo's border cut? Beside the photo they end; only what is behind them goes on."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from blender_addon.core.arrays import Bool, Float32, Float64, Int64

LONGEST = 0.5
"""Pixels along the border that an object covers at most, as a fraction of the photo's shorter side; what covers more is
a floor, a wall or a table that goes on."""
STANDS_OUT = 1.15
"""Inverse depth over that of what is beside it from which something at the border is an object of its own."""
JUMP = 1.05
"""Ratio of inverse depth within JUMP_PIXELS at both ends of an object; without one it is a slope."""
JUMP_PIXELS = 3


def cut_objects(inverse_depth: Float32, thickness: int) -> Bool:
    """[h, w] bool, the pixels near the border of a photo that show an object which the border cuts.

    Args:
        inverse_depth: [h, w] of the photo, 1 / metres.
        thickness: pixels from the border that are looked at.
    """
    height, width = inverse_depth.shape
    result = np.zeros(inverse_depth.shape, np.bool_)
    length = int(LONGEST * min(height, width))
    for inset in range(min(thickness, (min(height, width) - 1) // 2)):
        around = _around(height, width, inset)
        result[around] = _standing_out(inverse_depth[around].astype(np.float64), length)
    return result


def _around(height: int, width: int, inset: int) -> tuple[Int64, Int64]:
    """Rows [n] and columns [n] of the pixels around a picture, clockwise, so many pixels inside its border."""
    top, left, bottom, right = inset, inset, height - 1 - inset, width - 1 - inset
    across, down = np.arange(left, right), np.arange(top, bottom)
    rows = np.concatenate([np.full(len(across), top), down, np.full(len(across), bottom), down[::-1] + 1])
    columns = np.concatenate([across, np.full(len(down), right), across[::-1] + 1, np.full(len(down), left)])
    return rows, columns


def _standing_out(values: Float64, length: int) -> Bool:
    """[n] bool, the parts of a closed line of inverse depths [n] that are an object at most so many pixels long."""
    count = len(values)
    if length < 1 or 2 * length >= count:
        return np.zeros(count, np.bool_)
    # The highest of what is lowest within each stretch: an opening, which takes away whatever is shorter.
    lowest = _circular(np.minimum, values, length)
    opened = np.roll(_circular(np.maximum, lowest, length), length)
    objects = values > STANDS_OUT * opened
    edges = np.flatnonzero(objects != np.roll(objects, 1))
    if len(edges) == 0:
        return np.zeros(count, np.bool_)
    for first, last in zip(edges, np.roll(edges, -1), strict=True):
        run = np.arange(first, last if last > first else last + count) % count
        if objects[first] and not all(_jumps(values, int(end)) for end in (first, last)):
            objects[run] = False
    return objects


def _jumps(values: Float64, at: int) -> bool:
    """Whether a closed line of inverse depths has a jump beside an index."""
    near = values[np.arange(at - JUMP_PIXELS, at + JUMP_PIXELS) % len(values)]
    steps = near[1:] / near[:-1]
    return bool(np.maximum(steps, 1 / steps).max() > JUMP)


def _circular(extreme: np.ufunc, values: Float64, length: int) -> Float64:
    """[n] the extreme of each value and the `length` that follow it on a closed line."""
    windows = sliding_window_view(np.concatenate([values, values[:length]]), length + 1)
    return np.asarray(extreme.reduce(windows, axis=1))
