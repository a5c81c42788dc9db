"""A cloud's depth, seen by the photo's camera."""

from __future__ import annotations

import numpy as np

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.seen_points import seen_points

LENS = intrinsics_matrix(300.0, 300.0, 160.0, 120.0)
SIZE = (320, 240)


def test_a_scan_of_a_tilted_wall_behind_a_near_board() -> None:
    random = np.random.default_rng(0)
    x, y = random.uniform(-4, 4, 200_000), random.uniform(-3, 3, 200_000)
    wall = np.stack([x, y, 5 + 0.3 * x], axis=1)
    board = np.stack([x[:4000] / 16, y[:4000] / 12, np.full(4000, 2.0)], axis=1)
    behind = np.stack([x[:1000], y[:1000], np.full(1000, -1.0)], axis=1)
    depth = seen_points(np.concatenate([wall, board, behind]), LENS, SIZE, 1_000_000)
    assert depth is not None
    rows, columns = depth.shape
    assert abs(columns / rows - SIZE[0] / SIZE[1]) < 0.01
    slope = ((np.arange(columns) + 0.5) / columns * SIZE[0] - 160) / 300
    expected = np.broadcast_to(5 / (1 - 0.3 * slope), depth.shape).copy()
    expected[np.abs((np.arange(rows) + 0.5) / rows - 0.5) < 42 / 240] = np.nan
    clear = np.isfinite(depth) & np.isfinite(expected)
    assert clear.mean() > 0.6
    np.testing.assert_allclose(depth[clear], expected[clear], rtol=0.01)
    middle = depth[rows // 2 - 15 : rows // 2 + 15, columns // 2 - 15 : columns // 2 + 15]
    assert np.isfinite(middle).mean() > 0.75
    assert (np.nan_to_num(middle, nan=2.0) == 2.0).mean() > 0.99, "the wall does not show through the board's gaps"


def test_fewer_points_make_a_smaller_map_and_none_makes_none() -> None:
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-0.75, 0.75, 30)), axis=-1).reshape(-1, 2)
    depth = seen_points(np.insert(grid, 2, 2.0, axis=1), LENS, SIZE, 1_000_000)
    assert depth is not None
    assert depth.size < 1200
    assert np.isfinite(depth).mean() > 0.9
    assert seen_points(np.zeros((0, 3)), LENS, SIZE, 100) is None
    assert seen_points(np.array([[0.0, 0.0, -2.0]] * 9), LENS, SIZE, 100) is None
