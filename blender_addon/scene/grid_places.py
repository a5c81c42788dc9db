"""Where the columns and rows of a depth grid stand in the photo."""

from __future__ import annotations

import numpy as np

from ..core.arrays import Float32, Float64, Int32

NEAR = 0.4
"""Share of a step of the grid by which a vertex of it stands beside its column's or row's even place at most."""


def even_places(count: int) -> Float64:
    """[count] positions of columns (or rows) in the picture, the outermost on its edges as the mesh has them."""
    places = (np.arange(count) + 0.5) / count
    places[[0, -1]] = 0.0, 1.0
    return np.asarray(places, dtype=np.float64)


def measured_places(count: int, index: Int32, measured: Float32) -> Float64:
    """[count] the same, as a mesh's vertices have them; even where it has none.

    Args:
        count: Of columns, or of rows.
        index: [V] the column of each vertex. One that a tool put elsewhere, its place with it, does not count.
        measured: [V] where it stands in the picture along them, 0 to 1.
    """
    places = even_places(count)
    near = (index >= 0) & (index < count)
    near[near] = np.abs(measured[near] - places[index[near]]) < NEAR / count
    places[index[near]] = measured[near]
    return places
