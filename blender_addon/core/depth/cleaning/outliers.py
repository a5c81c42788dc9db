"""Statistical outliers of a depth map by the published rule (Open3D's), with the search limited to doubtful points."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ...arrays import Bool, Float32, Float64, Int64
from ...camera.projection import coordinates
from .nearest import mean_distances
from .windows import in_batches

NEIGHBOURS = 16
"""Points whose distances are averaged, the point itself among them."""
STD_RATIO = 3.0
"""Standard deviations above the mean distance from which a point is an outlier."""
SAMPLES = 30_000
"""About so many points, spread over the map, stand for all those close to their neighbours; all others are measured."""
CLOSE = 1.5
"""Standard deviations above the sample's mean up to which a point counts as close."""

_BESIDE = {(0, 1): 1.0, (1, 0): 1.0, (1, 1): 1.0, (1, -1): 1.0, (0, 2): 1.0, (2, 0): 1.0, (1, 2): 0.75, (1, -2): 0.75}
"""(rows, columns) to a neighbour, and the weight of its distance; the same to the other side. The three nearest of
the last four are no farther than three quarters of all four: with the point itself, 16.
"""
_REACH = 2
_BAND = 32
"""Rows computed together: few enough for a processor's cache."""


NearestSearch = Callable[[Float32, Float64, int], Callable[[Bool], Float64]]
"""(depth [H, W], intrinsics [3, 3], count) -> a function of where [H, W] that gives the result of `mean_distances`."""


def window_search(depth: Float32, intrinsics: Float64, count: int) -> Callable[[Bool], Float64]:
    """The NearestSearch that needs NumPy alone; see nearest.mean_distances."""
    return partial(mean_distances, depth, intrinsics, count)


def depth_outliers(depth: Float32, intrinsics: Float64, search: NearestSearch = window_search) -> Bool:
    """Which points of a depth map are far from all others.

    The result is that of the published rule but for points at its threshold, which is partly estimated from a sample.

    Args:
        depth: [H, W] positive metres along z, NaN where unknown.
        intrinsics: [3, 3] in pixels of the depth map, without skew.
        search: how the nearest neighbours are found.

    Returns:
        [H, W] bool; nowhere when at most NEIGHBOURS points are known.
    """
    known = np.isfinite(depth)
    if known.sum() <= NEIGHBOURS:
        return np.zeros(depth.shape, dtype=np.bool_)
    sampled = np.zeros(depth.shape, dtype=np.bool_)
    sampled.flat[np.flatnonzero(known)[:: max(1, known.sum() // SAMPLES)]] = True
    distances_at = search(depth, intrinsics, NEIGHBOURS)
    distance = distances_at(sampled)
    ordinary = _no_farther_than(depth, intrinsics) < outlier_threshold(distance[sampled], CLOSE)
    doubtful = ~ordinary & ~sampled
    distance[doubtful] = distances_at(doubtful)[doubtful]
    weight = np.where(ordinary, ordinary.sum() / max(1, (ordinary & sampled).sum()), 1.0)
    said = np.isfinite(distance)
    return known & ~ordinary & (distance >= outlier_threshold(distance[said], STD_RATIO, weight[said]))


def outlier_threshold(distance: Float64, std_ratio: float = STD_RATIO, weight: Float64 | None = None) -> float:
    """The distance from which a point is an outlier: mean plus `std_ratio` standard deviations (over n - 1).

    As published, coincident points (distance 0) count in the mean and in n, but their deviations do not.

    Args:
        distance: [N] mean distances, metres.
        std_ratio: standard deviations above the mean.
        weight: [N] how many points each distance stands for; None for one each.

    Returns:
        Metres; infinite for at most one point.
    """
    weight = np.ones(len(distance)) if weight is None else weight
    count = float(weight.sum())
    if count <= 1:
        return float("inf")
    mean = float(distance @ weight) / count
    apart = distance > 0
    deviation = float((distance[apart] - mean) ** 2 @ weight[apart])
    return mean + std_ratio * float(np.sqrt(deviation / (count - 1)))


def _no_farther_than(depth: Float32, intrinsics: Float64) -> Float32:
    """An upper bound of each point's mean distance to its nearest neighbours, from fixed pixels around it.

    Returns:
        [H, W] float32 metres, NaN where one of those pixels is unknown.
    """
    planes = [
        np.pad(plane.astype(np.float32), _REACH, constant_values=np.nan) for plane in coordinates(depth, intrinsics)
    ]
    result = np.empty(depth.shape, dtype=np.float32)

    def add_up(rows: Int64) -> None:
        band = [plane[rows[0] : rows[-1] + 1 + 2 * _REACH] for plane in planes]
        total = np.zeros(band[0].shape, dtype=np.float32)
        for (down, right), weight in _BESIDE.items():
            here, there = _pair(down, right)
            distance = _distances([plane[here] for plane in band], [plane[there] for plane in band])
            distance *= np.float32(weight / NEIGHBOURS)
            total[here] += distance
            total[there] += distance
        result[rows] = total[_REACH:-_REACH, _REACH:-_REACH]

    in_batches(np.arange(depth.shape[0]), add_up, _BAND)
    return result


def _pair(down: int, right: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of a map: the pixels that have a neighbour at the given offset, and those neighbours.

    Args:
        down: rows to the neighbour, not negative.
        right: columns to the neighbour.
    """
    here, there = (
        slice(max(0, -right), -right if right > 0 else None),
        slice(max(0, right), right if right < 0 else None),
    )
    return (slice(0, -down if down else None), here), (slice(down, None), there)


def _distances(points: list[Float32], others: list[Float32]) -> Float32:
    """[H, W] metres between points, each given as three planes [H, W] (x, y, z)."""
    squares: Float32 = np.zeros(points[0].shape, dtype=np.float32)
    for one, other in zip(points, others, strict=True):
        difference = one - other
        difference *= difference
        squares += difference
    return np.sqrt(squares, out=squares)
