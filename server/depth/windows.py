"""The k x k neighbours of pixels, for rules that look at a pixel's surroundings."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from blender_addon.core.shot import Float32

Index = NDArray[np.int64]


def windows(depth: Float32, k: int) -> Float32:
    """[H, W, k, k] view of the k x k neighbourhood of every pixel of depth [H, W], mirrored at the border."""
    padded = np.pad(depth, k // 2, mode="reflect")
    return sliding_window_view(padded, (k, k))


def neighbours(
    rows: Index, columns: Index, radius: int, shape: tuple[int, ...]
) -> tuple[Index, Index, NDArray[np.bool_]]:
    """Rows, columns [N, k * k] of the windows around pixels, clamped to `shape`, and which of them lie inside it."""
    offsets = np.arange(-radius, radius + 1)
    dy, dx = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    y, x = rows[:, None] + dy, columns[:, None] + dx
    inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
    return np.clip(y, 0, shape[0] - 1), np.clip(x, 0, shape[1] - 1), inside


def depth_jumps(depth: Float32, k: int, edge: float) -> NDArray[np.bool_]:
    """[H, W] where the farthest known depth within k x k is more than (1 + edge) times the nearest."""
    unknown = ~np.isfinite(depth)
    nearest = minimum_filter(np.where(unknown, np.inf, depth), size=k, mode="nearest")
    farthest = maximum_filter(np.where(unknown, -np.inf, depth), size=k, mode="nearest")
    with np.errstate(invalid="ignore"):
        return np.asarray(farthest > nearest * (1 + edge), dtype=np.bool_)


def bends(depth: Float32, k: int, edge: float) -> NDArray[np.bool_]:
    """[H, W] where within k x k the inverse depth deviates from a straight line by `edge` of itself, along x or y."""
    inverse = 1 / depth
    span = k // 2
    bent = np.zeros(depth.shape, dtype=np.bool_)
    for axis in (0, 1):
        padded = np.pad(inverse, [(span, span) if a == axis else (0, 0) for a in (0, 1)], constant_values=np.nan)
        size = depth.shape[axis]
        before, after = (np.take(padded, range(at, at + size), axis=axis) for at in (0, 2 * span))
        with np.errstate(invalid="ignore"):
            bent |= np.abs(before - 2 * inverse + after) > edge * inverse
    return np.asarray(maximum_filter(bent, size=k), dtype=np.bool_)
