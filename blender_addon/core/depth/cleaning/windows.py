"""A pixel's neighbourhood: depth jumps and bends within k x k pixels, and the values around given pixels."""

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
"""Pixels whose neighbourhoods are processed together: few enough for a processor's cache."""


def depth_jumps(depth: Float32, k: int, edge: float) -> Bool:
    """[H, W] bool, where the farthest known depth within k x k pixels is more than (1 + edge) times the nearest."""
    unknown = ~np.isfinite(depth)
    nearest = over_windows(np.minimum, np.where(unknown, np.float32(np.inf), depth), k)
    farthest = over_windows(np.maximum, np.where(unknown, np.float32(-np.inf), depth), k)
    with np.errstate(invalid="ignore"):
        return np.asarray(farthest > nearest * np.float32(1 + edge), dtype=np.bool_)


def bends(depth: Float32, k: int, edge: float) -> Bool:
    """Where inverse depth deviates from a straight line, so that the surface is no plane.

    Args:
        depth: [H, W] metres, NaN where unknown.
        k: side of the window, pixels, odd.
        edge: deviation along x or y, as a share of the inverse depth.

    Returns:
        [H, W] bool, True within k x k pixels of such a place.
    """
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
    """A reduction over the k x k neighbourhood of every value; beyond the border the map is mirrored.

    Args:
        pick: np.minimum, np.maximum, np.logical_or or np.logical_and, to which the mirrored values are nothing new; or
            np.add.
        values: [H, W].
        k: side of the window, pixels, odd.

    Returns:
        [H, W] of the same type.
    """
    for axis in (0, 1):
        padded = np.pad(values, [(k // 2, k // 2) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
        size = values.shape[axis]
        values = _part(padded, axis, 0, size).copy()
        for shift in range(1, k):
            pick(values, _part(padded, axis, shift, size), out=values)
    return values


def padded(values: NDArray[T], reach: int, beyond: float) -> NDArray[T]:
    """A map with a margin, as one row.

    Args:
        values: [H, W].
        reach: width of the margin on every side, pixels.
        beyond: value of the margin.

    Returns:
        [(H + 2 reach) (W + 2 reach)], row after row.
    """
    return np.pad(values, reach, constant_values=beyond).ravel()


def neighbours(rows: Int64, columns: Int64, offsets: Int64, width: int) -> Int64:
    """Flat indices of the pixels around given pixels, in maps that were `padded` by the farthest offset.

    Args:
        rows, columns: [N] the pixels.
        offsets: [n] increasing, symmetric about 0; used along both axes.
        width: of the map without its margin.

    Returns:
        [N, n * n] int64.
    """
    reach = int(offsets[-1])
    along = width + 2 * reach
    around = (offsets[:, None] * along + offsets).ravel()
    return np.asarray(((rows + reach) * along + columns + reach)[:, None] + around, dtype=np.int64)


def squared_distance(colours: list[Int32], around: Int64, wanted: list[Int32]) -> Int32:
    """Squared distances between colours around pixels and the pixels' own, summed over the channels.

    Args:
        colours: three channels [P] of a padded photo.
        around: [N, K] flat indices into them.
        wanted: three channels [N] of the pixels' own colours.

    Returns:
        [N, K] int32.
    """
    total: Int32 = np.zeros(around.shape, dtype=np.int32)
    for channel, mine in zip(colours, wanted, strict=True):
        difference = channel.take(around)
        difference -= mine[:, None]
        difference *= difference
        total += difference
    return total


def weighted_median(depths: Float32, weights: Float32) -> Float32:
    """The depth of each row at which half of the row's weight is reached.

    Args:
        depths: [N, K] float32, positive.
        weights: [N, K] float32; depths of weight 0 are ignored and may be NaN.

    Returns:
        [N] float32, NaN where a row has no weight.
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
    """Run `work` on batches of pixels in one thread per core; NumPy releases the interpreter lock meanwhile.

    Args:
        pixels: [N] indices.
        work: called with up to `size` of them; it must be safe to run in parallel. Its exceptions are raised here.
        size: of a batch.
    """
    parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(work, parts):
            pass


def _part(values: NDArray[Any], axis: int, start: int, size: int) -> NDArray[Any]:
    return values[start : start + size] if axis == 0 else values[:, start : start + size]
