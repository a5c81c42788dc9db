"""Points that belong to nothing: statistical outliers, by the published rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from blender_addon.core.cleaning.outliers import NEIGHBOURS, STD_RATIO, outlier_threshold
from blender_addon.core.trajectory import Float64


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
    return distance_search(points, neighbours)(points)


def distance_search(points: Float64, neighbours: int = NEIGHBOURS) -> Callable[[Float64], Float64]:
    """The same for places [M, 3] among the points [N, 3]: a MeanDistances of core.cleaning.outliers."""
    count = min(neighbours, len(points))
    # Points of a depth map are spread evenly enough: a tree split in the middle is as good, and built sooner.
    tree = cKDTree(points, compact_nodes=False, balanced_tree=False)

    def distances_at(places: Float64) -> Float64:
        if count == 0:
            return np.empty(0)
        distance, _ = tree.query(places, k=count, workers=-1)
        return np.asarray(distance.reshape(len(places), count).mean(axis=1), dtype=np.float64)

    return distances_at
