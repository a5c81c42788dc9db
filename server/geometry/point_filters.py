"""Points that belong to nothing: statistical outliers, by the published rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from blender_addon.core.trajectory import Float64

NEIGHBOURS = 16
STD_RATIO = 3.0


def statistical_outliers(
    points: Float64, neighbours: int = NEIGHBOURS, std_ratio: float = STD_RATIO
) -> NDArray[np.bool_]:
    """[N] which of the points [N, 3] to drop: their mean distance to the nearest `neighbours` (themselves counted)
    lies `std_ratio` standard deviations above the mean of all, or is 0.

    Groups of that many coincident points go too; the published rule (Open3D's) drops them.
    """
    distance = mean_distances(points, neighbours)
    return ~((distance > 0) & (distance < outlier_threshold(distance, std_ratio)))


def mean_distances(points: Float64, neighbours: int = NEIGHBOURS) -> Float64:
    """[N] mean distance of each point [N, 3] to its nearest `neighbours`, itself among them."""
    count = min(neighbours, len(points))
    if count == 0:
        return np.empty(0)
    distance, _ = cKDTree(points).query(points, k=count, workers=-1)
    return np.asarray(distance.reshape(len(points), count).mean(axis=1), dtype=np.float64)


def outlier_threshold(distance: Float64, std_ratio: float = STD_RATIO) -> float:
    """Mean plus `std_ratio` standard deviations (over n - 1) of mean distances [N].

    As published, coincident points (distance 0) count in the mean and in n, but their deviations do not.
    """
    if len(distance) < 2:
        return float("inf")
    mean = float(distance.mean())
    deviation = float(((distance[distance > 0] - mean) ** 2).sum())
    return mean + std_ratio * float(np.sqrt(deviation / (len(distance) - 1)))
