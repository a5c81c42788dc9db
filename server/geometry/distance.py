"""Exact Euclidean distances between the pixels of a map: who is near a target, and which target is the nearest.

Only what is asked for is worked out: pixels up to a given distance, or the nearest targets of some pixels. That takes
less time than a distance transform of the whole map does.
"""

from __future__ import annotations

import math

import numpy as np

from blender_addon.core.arrays import Bool, Int32, Int64

COLUMN_BITS = 16
"""Bits of a column in a key that sorts by distance first."""


def within(targets: Bool, distance: int) -> Bool:
    """[H, W] bool, the pixels whose distance to a target is at most so many pixels; nothing where there is no target.

    Args:
        targets: [H, W].
        distance: pixels between centres, from 0.
    """
    _, vertical = _nearest_in_column(targets)
    distance = min(distance, sum(targets.shape) - 1)
    result = vertical <= distance
    for step in range(1, min(distance, targets.shape[1] - 1) + 1):
        near = vertical <= math.isqrt(distance**2 - step**2)
        result[:, step:] |= near[:, :-step]
        result[:, :-step] |= near[:, step:]
    return np.asarray(result, dtype=np.bool_)


def nearest(targets: Bool, asked: Bool) -> tuple[Int64, Int64]:
    """Row [n] and column [n] of the nearest target of each of the n pixels that are asked for, in the map's order.

    Of targets at the same distance it is the one in the leftmost column, and the uppermost there, as in SciPy's
    `distance_transform_edt`.

    Args:
        targets: [H, W], at least one True.
        asked: [H, W].

    Raises:
        ValueError: there is no target.
    """
    if not targets.any():
        raise ValueError("no pixel is a target")
    nearest_row, vertical = _nearest_in_column(targets)
    rows, columns = np.nonzero(asked)
    found = _nearest_columns(vertical, rows, columns)
    return nearest_row[rows, found].astype(np.int64), found


def _nearest_in_column(targets: Bool) -> tuple[Int32, Int32]:
    """Row [H, W] of each pixel's nearest target in its column, and how far it is.

    Where a column has no target, the distance is H + W, which is more than any distance in the map.
    """
    height, width = targets.shape
    far = height + width
    row = np.arange(height, dtype=np.int32)[:, None]
    above = np.where(targets, row, np.int32(-far))
    below = np.where(targets, row, np.int32(height + far))
    for y in range(1, height):
        np.maximum(above[y], above[y - 1], out=above[y])
        np.minimum(below[-1 - y], below[-y], out=below[-1 - y])
    up, down = row - above, below - row
    return np.where(up <= down, above, below), np.minimum(np.minimum(up, down), np.int32(far))


def _nearest_columns(vertical: Int32, rows: Int64, columns: Int64) -> Int64:
    """Columns [n] of the nearest targets of n pixels.

    From left to right along a row the column of the nearest target never decreases. So the pixels in the middle of a
    row are done first, then those in the middle of what they leave, whose targets lie between those already found.

    Args:
        vertical: [H, W] distance to the nearest target in each pixel's column.
        rows, columns: [n] the pixels, row after row.
    """
    found = np.empty(len(rows), np.int64)
    reach = _city_block(vertical)[rows, columns]
    first, last = np.maximum(columns - reach, 0), np.minimum(columns + reach, vertical.shape[1] - 1)
    squared = vertical.ravel().astype(np.int64) ** 2
    step = 1 << max(len(rows) - 1, 1).bit_length()
    while step:
        now = np.arange(step - 1, len(rows), 2 * step)
        left, right = np.maximum(now - step, 0), np.minimum(now + step, len(rows) - 1)
        after = (now >= step) & (rows[left] == rows[now])
        before = (now + step == right) & (rows[right] == rows[now])
        low = np.where(after, np.maximum(first[now], found[left]), first[now])
        high = np.where(before, np.minimum(last[now], found[right]), last[now])
        found[now] = _best_columns(squared, vertical.shape[1], rows[now], columns[now], low, high)
        step //= 2
    return found


def _best_columns(squared: Int64, width: int, rows: Int64, columns: Int64, low: Int64, high: Int64) -> Int64:
    """Columns [n] from `low` [n] to `high` [n] whose nearest targets are nearest to n pixels, the leftmost of equals.

    Args:
        squared: [H W] squared distance to the nearest target in each pixel's column.
        width: of the map.
        rows, columns: [n] the pixels.
    """
    if len(rows) == 0:
        return columns
    count = high - low + 1
    starts = np.cumsum(count) - count
    candidate = np.arange(int(count.sum()))
    candidate += np.repeat(low - starts, count)
    key = candidate - np.repeat(columns, count)
    key *= key
    key += squared.take(candidate + np.repeat(rows * width, count))
    key <<= COLUMN_BITS
    key |= candidate
    return np.asarray(np.minimum.reduceat(key, starts) & ((1 << COLUMN_BITS) - 1), dtype=np.int64)


def _city_block(vertical: Int32) -> Int32:
    """[H, W] distance to the nearest target along rows and columns: the straight one is no longer."""
    column = np.arange(vertical.shape[1], dtype=np.int32)
    to_left = np.minimum.accumulate(vertical - column, axis=1) + column
    to_right = np.minimum.accumulate((vertical + column)[:, ::-1], axis=1)[:, ::-1] - column
    return np.asarray(np.minimum(to_left, to_right), dtype=np.int32)
