"""A cloud's depth, seen by the photo's camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float32
from blender_addon.core.camera.projection import intrinsics_matrix, unproject
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


def test_a_frame_s_depth_from_the_scans_of_other_frames(shared_data: Path) -> None:
    """7-Scenes' red kitchen: the points of its other frames, seen from a frame's measured pose."""
    place, lens = shared_data / "sequences/sevenscenes_redkitchen", intrinsics_matrix(585.0, 585.0, 320.0, 240.0)
    clouds = []
    for frame in (40, 80, 120, 160, 200):
        pose = np.loadtxt(place / f"frame-{frame:06d}.pose.txt")
        cloud = unproject(kitchen_depth(place, frame), lens).reshape(-1, 3)[::3]
        clouds.append(cloud[np.isfinite(cloud).all(axis=1)] @ pose[:3, :3].T + pose[:3, 3])
    pose = np.loadtxt(place / "frame-000140.pose.txt")
    in_camera = (np.concatenate(clouds) - pose[:3, 3]) @ np.linalg.inv(pose[:3, :3]).T
    depth = seen_points(in_camera, lens, (640, 480), 1_000_000)
    assert depth is not None
    rows, columns = ((np.arange(n) + 0.5) / n * length for n, length in zip(depth.shape, (480, 640), strict=True))
    own = kitchen_depth(place, 140)[rows.astype(int)[:, None], columns.astype(int)]
    error = np.abs(depth / own - 1)[np.isfinite(depth) & np.isfinite(own)]
    assert error.size > 0.6 * depth.size
    assert np.median(error) < 0.015
    assert (error < 0.25).mean() > 0.93


def kitchen_depth(place: Path, frame: int) -> Float32:
    with Image.open(place / f"frame-{frame:06d}.depth.png") as file:
        numbers = np.array(file)
    return np.where((numbers == 0) | (numbers == 65535), np.nan, numbers / 1000).astype(np.float32)
