"""Statistical outliers of a depth map, by the published rule, asked of a search tree only where there is doubt."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..shot import Float32
from ..trajectory import Float64
from .windows import Bool

NEIGHBOURS = 16
STD_RATIO = 3.0
SAMPLE = 16
"""Every SAMPLE-th point says how far apart points are; all of them say the same to within a percent."""

MeanDistances = Callable[[Float64], Callable[[Float64], Float64]]
"""Points [N, 3] -> a search: places [M, 3] among them -> [M] mean distance of each place to its nearest NEIGHBOURS
points, itself among them. SciPy's tree and Blender's each make one."""


def depth_outliers(points: Float64, mean_distances: MeanDistances) -> Bool:
    """[H, W] which of the points [H, W, 3] of a depth map (metres, NaN unknown) lie apart from all others: their mean
    distance to the nearest NEIGHBOURS exceeds the mean of all by STD_RATIO standard deviations.

    4 x 4 pixels hold as many points as the rule counts, so their mean distance is never below the true one: who is near
    enough by it needs no search.
    """
    result = np.zeros(points.shape[:2], dtype=np.bool_)
    places = np.flatnonzero(np.isfinite(points[..., 2]))
    if len(places) <= NEIGHBOURS:
        return result
    flat = points.reshape(-1, 3)
    known = flat[places]
    distances_at = mean_distances(known)
    threshold = outlier_threshold(distances_at(known[::SAMPLE]))
    doubtful = places[~(_no_nearer_than(points).ravel()[places] < threshold)]
    result.flat[doubtful] = distances_at(flat[doubtful]) >= threshold
    return result


def outlier_threshold(distance: Float64, std_ratio: float = STD_RATIO) -> float:
    """Mean plus `std_ratio` standard deviations (over n - 1) of mean distances [N].

    As published, coincident points (distance 0) count in the mean and in n, but their deviations do not.
    """
    if len(distance) < 2:
        return float("inf")
    mean = float(distance.mean())
    deviation = float(((distance[distance > 0] - mean) ** 2).sum())
    return mean + std_ratio * float(np.sqrt(deviation / (len(distance) - 1)))


def _no_nearer_than(points: Float64) -> Float32:
    """[H, W] mean distance of each point to those of the 4 x 4 pixels around it, NaN where one of them is unknown."""
    planes = [np.ascontiguousarray(points[..., axis], dtype=np.float32) for axis in range(3)]
    padded = [np.pad(plane, ((1, 2), (1, 2)), constant_values=np.nan) for plane in planes]
    height, width = points.shape[:2]
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
