"""Find the nearest points of each point of a depth map among the pixels around it, without a search tree."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...arrays import Bool, Float32, Float64, Int64
from ...camera.projection import coordinates
from .windows import in_batches

FIRST_REACH = 3
"""Pixels each way that are searched first; doubled each time that is not enough."""
COMPARED = 400_000
"""Distances computed together: few enough for a processor's cache."""


def mean_distances(depth: Float32, intrinsics: Float64, count: int, where: Bool) -> Float64:
    """Mean distances of the points of a depth map to their nearest neighbours.

    The result is exact to float32. A point outside a window of pixels is behind one of the four planes through the
    camera and the window's sides: when all the nearest inside are nearer than those planes, none outside can be.

    Args:
        depth: [H, W] positive metres along z, NaN where unknown.
        intrinsics: [3, 3] in pixels of the depth map, without skew.
        count: how many neighbours, the point itself among them; at most all known points.
        where: [H, W] which points to measure.

    Returns:
        [H, W] float64 metres, NaN where unknown and outside `where`.
    """
    known = np.isfinite(depth)
    planes = [plane.astype(np.float32) for plane in coordinates(depth, intrinsics)]
    result = np.full(depth.shape, np.nan)
    unsettled = np.flatnonzero(known & where)
    count = min(count, int(known.sum()))
    reach = FIRST_REACH
    while len(unsettled):
        spans = [2 * min(reach, size - 1) + 1 for size in depth.shape]
        around = [_windows(plane, spans) for plane in planes]

        def settle(pixels: Int64, around: list[Float32] = around, reach: int = reach) -> None:
            rows, columns = np.divmod(pixels, depth.shape[1])
            nearest = _nearest(planes, around, rows, columns, count)
            settled = nearest.max(axis=1) <= _clearance(depth, intrinsics, rows, columns, reach)
            result.flat[pixels[settled]] = nearest[settled].mean(axis=1)

        in_batches(unsettled, settle, max(1, COMPARED // (spans[0] * spans[1])))
        unsettled = unsettled[np.isnan(result.flat[unsettled])]
        reach *= 2
    return result


def _windows(plane: Float32, spans: list[int]) -> Float32:
    """[H, W, y, x] the values around each of a plane [H, W], NaN beyond its border; a view."""
    padded = np.pad(plane, [(span // 2, span // 2) for span in spans], constant_values=np.nan)
    return sliding_window_view(padded, spans)


def _nearest(planes: list[Float32], around: list[Float32], rows: Int64, columns: Int64, count: int) -> Float32:
    """[N, count] the smallest distances within the windows of N pixels, NaN where there are not as many."""
    squares: Float32 = np.zeros((len(rows), *around[0].shape[2:]), dtype=np.float32)
    for plane, windows in zip(planes, around, strict=True):
        difference = windows[rows, columns]
        difference -= plane[rows, columns][:, None, None]
        difference *= difference
        squares += difference
    flat = squares.reshape(len(rows), -1)
    # What is unknown sorts last.
    flat.partition(count - 1, axis=1)
    return np.asarray(np.sqrt(flat[:, :count]))


def _clearance(depth: Float32, intrinsics: Float64, rows: Int64, columns: Int64, reach: int) -> Float64:
    """[N] metres around each of N points within which all points are in the window of `reach` pixels each way."""
    metres = depth[rows, columns].astype(np.float64)
    result = np.full(len(rows), np.inf)
    for axis, places in enumerate((columns, rows)):
        focal, centre = intrinsics[axis, axis], intrinsics[axis, 2]
        for beyond in (places - reach - 1, places + reach + 1):
            slope = (beyond + 0.5 - centre) / focal
            gap = metres * (reach + 1) / focal / np.sqrt(1 + slope**2)
            in_picture: Bool = (beyond >= 0) & (beyond < depth.shape[1 - axis])
            result = np.where(in_picture, np.minimum(result, gap), result)
    return result
