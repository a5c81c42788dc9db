"""Distances to the nearest points, by the search tree that Blender brings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mathutils.kdtree import KDTree

from ..core.cleaning.outliers import NEIGHBOURS
from ..core.trajectory import Float64


def distance_search(points: Float64) -> Callable[[Float64], Float64]:
    """A MeanDistances of core.cleaning.outliers."""
    tree = KDTree(len(points))
    for index, point in enumerate(points.tolist()):
        tree.insert(point, index)
    tree.balance()

    def distances_at(places: Float64) -> Float64:
        found = [sum(distance for _, _, distance in tree.find_n(place, NEIGHBOURS)) for place in places.tolist()]
        return np.array(found) / min(NEIGHBOURS, len(points))

    return distances_at
