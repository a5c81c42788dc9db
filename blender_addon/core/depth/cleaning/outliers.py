"""Statistical outliers of a depth map, by the published rule (Open3D's), searched for only where there is doubt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ...arrays import Bool, Float32, Float64, Int64
from ...camera.projection import coordinates
from .nearest import mean_distances
from .windows import in_batches

NEIGHBOURS = 16
STD_RATIO = 3.0
SAMPLES = 30_000
"""Of the points close to their neighbours, so many of all say how close; all others say it themselves."""
CLOSE = 1.5
"""Standard deviations above the mean up to which a point is close, by the sample."""

_BESIDE = {(0, 1): 1.0, (1, 0): 1.0, (1, 1): 1.0, (1, -1): 1.0, (0, 2): 1.0, (2, 0): 1.0, (1, 2): 0.75, (1, -2): 0.75}
"""Rows and columns to a neighbour, and how much its distance counts; the same to the other side. The three nearest of
the last four are no farther than three quarters of all four: with the point itself, 16."""
_REACH = 2
_BAND = 32
"""Rows that are looked at together: few enough for a processor's cache."""


NearestSearch = Callable[[Float32, Float64, int], Callable[[Bool], Float64]]
"""(depth [H, W], intrinsics, count) -> a function of where [H, W]: mean distances as `mean_distances` gives them."""


def window_search(depth: Float32, intrinsics: Float64, count: int) -> Callable[[Bool], Float64]:
    """The NearestSearch that needs NumPy alone."""
    return partial(mean_distances, depth, intrinsics, count)


def depth_outliers(depth: Float32, intrinsics: Float64, search: NearestSearch = window_search) -> Bool:
    """[H, W] which points of a depth map (positive metres, NaN unknown) lie apart from all others; intrinsics [3, 3] px
    of the depth's size, without skew. No more than NEIGHBOURS points have no outliers.

    The rule's own but for those at its threshold, of which a part is worked out from a sample.
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
    """Mean plus `std_ratio` standard deviations (over n - 1) of mean distances [N], each of which stands for
    `weight` [N] points, else for one.

    As published, coincident points (distance 0) count in the mean and in n, but their deviations do not.
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
    """[H, W] mean distance of each point to some of the pixels around it, NaN where one of them is unknown: as many as
    the rule counts, so never below the mean distance to the nearest."""
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
    """Of a map, the pixels that have a neighbour so many rows below and columns to the right, and those neighbours."""
    here, there = (
        slice(max(0, -right), -right if right > 0 else None),
        slice(max(0, right), right if right < 0 else None),
    )
    return (slice(0, -down if down else None), here), (slice(down, None), there)


def _distances(points: list[Float32], others: list[Float32]) -> Float32:
    """[H, W] between points, as three planes [H, W] each."""
    squares: Float32 = np.zeros(points[0].shape, dtype=np.float32)
    for one, other in zip(points, others, strict=True):
        difference = one - other
        difference *= difference
        squares += difference
    return np.sqrt(squares, out=squares)
