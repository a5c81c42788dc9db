"""Nothing is invented where the photo looked through."""

from __future__ import annotations

import numpy as np

from blender_addon.core.camera.projection import intrinsics_matrix
from server.engines.draft.free_space import FreeSpace

INTRINSICS = intrinsics_matrix(80.0, 80.0, 48.0, 32.0)


def wall_with_square() -> FreeSpace:
    """A wall 2 m away, a square 1 m away in its middle, a corner of unknown depth."""
    depth = np.full((64, 96), 2.0, np.float32)
    depth[20:44, 36:60] = 1.0
    depth[:10, :10] = np.nan
    return FreeSpace.of(depth, INTRINSICS, (96, 64))


def at(column: float, row: float, z: float) -> np.ndarray:
    return np.array([(column - 48) / 80 * z, (row - 32) / 80 * z, z], np.float32)


def test_only_what_stands_before_a_known_surface_is_in_the_way() -> None:
    free = wall_with_square()
    assert free.holds(at(80, 50, 1.5))
    assert not free.holds(at(80, 50, 1.95))  # Within the tolerance.
    assert not free.holds(at(80, 50, 2.5))
    assert not free.holds(at(48, 32, 1.5))  # Behind the square.
    assert free.holds(at(48, 32, 0.5))
    assert not free.holds(at(5, 5, 1.5))  # Depth is unknown there.
    assert not free.holds(at(200, 32, 1.5))  # Beside the photo.
    assert not free.holds(np.array([0, 0, -1.0], np.float32))


def test_an_outline_is_known_no_better_than_a_few_pixels() -> None:
    free = wall_with_square()
    assert not free.holds(at(61.5, 32, 1.5))
    assert free.holds(at(63.5, 32, 1.5))


def test_a_point_in_the_way_moves_back_along_its_ray() -> None:
    free = wall_with_square()
    rays = np.stack([at(80, 50, 1), at(48, 32, 1)])
    cleared = free.behind(np.zeros(3), rays, np.array([1.2, 1.2], np.float32))
    assert 1.9 <= cleared[0] < 2.1
    assert cleared[1] == np.float32(1.2)
