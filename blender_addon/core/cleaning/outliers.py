"""Statistical outliers of a depth map, by the published rule (Open3D's), searched for only where there is doubt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..projection import unproject
from ..shot import Float32
from ..trajectory import Float64
from .nearest import mean_distances
from .windows import Bool

NEIGHBOURS = 16
STD_RATIO = 3.0
SAMPLE = 16
"""Of the points close to their neighbours, about every SAMPLE-th says how close; all others say it themselves."""


NearestSearch = Callable[[Float32, Float64, int], Callable[[Bool], Float64]]
"""(depth [H, W], intrinsics, count) -> a function of where [H, W]: mean distances as `mean_distances` gives them."""


def in_windows(depth: Float32, intrinsics: Float64, count: int) -> Callable[[Bool], Float64]:
    """The NearestSearch that needs NumPy alone."""
    return partial(mean_distances, depth, intrinsics, count)


def depth_outliers(depth: Float32, intrinsics: Float64, search: NearestSearch = in_windows) -> Bool:
    """[H, W] which points of a depth map (positive metres, NaN unknown) lie apart from all others; intrinsics [3, 3] px
    of the depth's size, without skew. No more than NEIGHBOURS points have no outliers.

    The rule's own but for those at its threshold, of which a part is worked out from a sample.
    """
    known = np.isfinite(depth)
    if known.sum() <= NEIGHBOURS:
        return np.zeros(depth.shape, dtype=np.bool_)
    sampled = np.zeros(depth.shape, dtype=np.bool_)
    sampled.flat[np.flatnonzero(known)[::SAMPLE]] = True
    distances_at = search(depth, intrinsics, NEIGHBOURS)
    distance = distances_at(sampled)
    ordinary = _no_farther_than(depth, intrinsics) < outlier_threshold(distance[sampled], 1.0)
    distance[~ordinary] = distances_at(~ordinary)[~ordinary]
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
    """[H, W] mean distance of each point to those of the 4 x 4 pixels around it, NaN where one of them is unknown: as
    many as the rule counts, so never below the mean distance to the nearest."""
    planes = [plane.astype(np.float32) for plane in np.moveaxis(unproject(depth, intrinsics), -1, 0)]
    padded = [np.pad(plane, ((1, 2), (1, 2)), constant_values=np.nan) for plane in planes]
    height, width = depth.shape
    total = np.zeros((height, width), dtype=np.float32)
    for dy in range(4):
        for dx in range(4):
            squares = np.zeros((height, width), dtype=np.float32)
            for plane, around in zip(planes, padded, strict=True):
                difference = around[dy : dy + height, dx : dx + width] - plane
                difference *= difference
                squares += difference
            total += np.sqrt(squares, out=squares)
    return total / np.float32(NEIGHBOURS)
