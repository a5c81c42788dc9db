"""Filters of maps: a Gaussian blur, the majority of a neighbourhood.

They are SciPy's `gaussian_filter` and `median_filter`, with the map mirrored beyond its border.
Minima and sums over windows are `over_windows` of the add-on's core.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Bool, Float64
from blender_addon.core.depth.cleaning.windows import over_windows

T = TypeVar("T", bound=np.floating[Any])

TRUNCATED = 4.0
"""Standard deviations after which a Gaussian is cut off."""
BLOCK = 128
"""Rows that are blurred together: as many as the rows around them that they need for a wide Gaussian."""


def gaussian_blur(values: NDArray[T], sigma: float, radius: int | None = None) -> NDArray[T]:
    """The values blurred, of the same type [H, W].

    Args:
        values: [H, W].
        sigma: standard deviation, pixels.
        radius: pixels from the window's middle to its border; None for TRUNCATED standard deviations.
    """
    radius = int(TRUNCATED * sigma + 0.5) if radius is None else radius
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    rows = _convolved_rows(values.astype(np.float64), weights / weights.sum())
    return _convolved_rows(rows.T, weights / weights.sum()).T.astype(values.dtype)


def _convolved_rows(values: Float64, weights: Float64) -> Float64:
    """The values [H, W] convolved along their first axis: each block of rows is one product of matrices."""
    height, radius = len(values), len(weights) // 2
    block = min(BLOCK, height)
    banded = np.zeros((block, block + 2 * radius))
    for row in range(block):
        banded[row, row : row + len(weights)] = weights
    padded = np.pad(values, ((radius, radius), (0, 0)), mode="symmetric")
    result = np.empty_like(values)
    for start in range(0, height, block):
        count = min(block, height - start)
        np.matmul(
            banded[:count, : count + 2 * radius],
            padded[start : start + count + 2 * radius],
            out=result[start : start + count],
        )
    return result


def share_above_half(mask: Bool, k: int) -> Bool:
    """[H, W] bool, where more than half of the k x k pixels (k odd, at most 15) around a pixel are True."""
    return np.asarray(over_windows(np.add, mask.astype(np.uint8), k) > k * k // 2, dtype=np.bool_)
