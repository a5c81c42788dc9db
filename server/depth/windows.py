"""The k x k neighbours of pixels, for rules that look at a pixel's surroundings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


def neighbours(
    rows: Index, columns: Index, radius: int, shape: tuple[int, ...]
) -> tuple[Index, Index, NDArray[np.bool_]]:
    """Rows, columns [N, k * k] of the windows around pixels, clamped to `shape`, and which of them lie inside it."""
    offsets = np.arange(-radius, radius + 1)
    dy, dx = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    y, x = rows[:, None] + dy, columns[:, None] + dx
    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    return np.clip(y, 0, shape[0] - 1), np.clip(x, 0, shape[1] - 1), inside
