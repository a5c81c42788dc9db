"""A pixel's surroundings: where depth jumps or bends within k x k pixels, and the values around chosen pixels."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...arrays import Bool, Float32, Int32, Int64

T = TypeVar("T", bound=np.generic)

BATCH = 8192
"""Pixels whose surroundings are looked at together: few enough for a processor's cache."""


def depth_jumps(depth: Float32, k: int, edge: float) -> Bool:
    """[H, W] where the farthest known depth within k x k is more than (1 + edge) times the nearest."""
    unknown = ~np.isfinite(depth)
    nearest = over_windows(np.minimum, np.where(unknown, np.float32(np.inf), depth), k)
    farthest = over_windows(np.maximum, np.where(unknown, np.float32(-np.inf), depth), k)
    with np.errstate(invalid="ignore"):
        return np.asarray(farthest > nearest * np.float32(1 + edge), dtype=np.bool_)


def bends(depth: Float32, k: int, edge: float) -> Bool:
    """[H, W] where within k x k the inverse depth deviates from a straight line by `edge` of itself, along x or y."""
    inverse = 1 / depth
    span = k // 2
    bent = np.zeros(depth.shape, dtype=np.bool_)
    for axis in (0, 1):
        padded = np.pad(inverse, [(span, span) if a == axis else (0, 0) for a in (0, 1)], constant_values=np.nan)
        size = depth.shape[axis]
        before, after = (_part(padded, axis, at, size) for at in (0, 2 * span))
        with np.errstate(invalid="ignore"):
            bent |= np.abs(before - 2 * inverse + after) > edge * inverse
    return np.asarray(over_windows(np.logical_or, bent, k), dtype=np.bool_)


def over_windows(pick: Callable[..., NDArray[Any]], values: NDArray[Any], k: int) -> NDArray[Any]:
    """np.minimum, np.maximum, np.logical_or or np.logical_and over the k x k neighbourhood of every value [H, W];
    nothing counts beyond the border."""
    for axis in (0, 1):
        padded = np.pad(values, [(k // 2, k // 2) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        size = values.shape[axis]
        values = _part(padded, axis, 0, size).copy()
        for shift in range(1, k):
            pick(values, _part(padded, axis, shift, size), out=values)
    return values


def padded(values: NDArray[T], reach: int, beyond: float) -> NDArray[T]:
    """[P] the values of a map [H, W], row after row, with `reach` pixels of `beyond` on every side of it."""
    return np.pad(values, reach, constant_values=beyond).ravel()


def neighbours(rows: Int64, columns: Int64, offsets: Int64, width: int) -> Int64:
    """[N, K] where the pixels at `offsets` [n] by `offsets` around N pixels stand in maps of this width that were
    `padded` by the farthest offset."""
    reach = int(offsets[-1])
    along = width + 2 * reach
    around = (offsets[:, None] * along + offsets).ravel()
    return np.asarray(((rows + reach) * along + columns + reach)[:, None] + around, dtype=np.int64)


def squared_distance(colours: list[Int32], around: Int64, wanted: list[Int32]) -> Int32:
    """[N, K] between the colours at `around` [N, K], of three channels [P], and those wanted, of three channels [N]:
    summed over the channels."""
    total: Int32 = np.zeros(around.shape, dtype=np.int32)
    for channel, mine in zip(colours, wanted, strict=True):
        difference = channel.take(around)
        difference -= mine[:, None]
        difference *= difference
        total += difference
    return total


def weighted_median(depths: Float32, weights: Float32) -> Float32:
    """[N] the one of each row of positive depths [N, K] at which half of its weight is reached.

    Weight 0 is not looked at; NaN where a row has no weight.
    """
    # One sort of whole numbers: a positive float's bits rise with it, and its weight rides along in the lower half.
    bits = np.where(weights > 0, depths.view(np.uint32), np.uint32(0xFFFFFFFF)).astype(np.uint64)
    keys = bits << np.uint64(32) | weights.view(np.uint32)
    keys.sort(axis=1)
    running = np.cumsum(keys.astype(np.uint32).view(np.float32), axis=1)
    middle = np.argmax(running >= running[:, -1:] / 2, axis=1)
    found = np.take_along_axis(keys, middle[:, None], axis=1)[:, 0] >> np.uint64(32)
    return found.astype(np.uint32).view(np.float32)


def in_batches(pixels: Int64, work: Callable[[Int64], None], size: int = BATCH) -> None:
    """`work` on the pixels' indices, `size` at a time, on every core: NumPy lets other threads run meanwhile."""
    parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(work, parts):
            pass


def _part(values: NDArray[Any], axis: int, start: int, size: int) -> NDArray[Any]:
    return values[start : start + size] if axis == 0 else values[:, start : start + size]
