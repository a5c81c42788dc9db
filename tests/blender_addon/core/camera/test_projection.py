"""Points to pixels and back, against OpenCV's own numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.projection import (
    intrinsics_from_fov,
    intrinsics_matrix,
    pixel_grid,
    project,
    scaled_intrinsics,
    unproject,
    unproject_pixels,
)
from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import inverse
from server.demo.motorcycle import Motorcycle


def test_opencvs_project_points(shared_data: Path) -> None:
    """cv2.projectPoints' output as PyTorch3D stores it. One focal length is negative: projecting does not mind."""
    cases = json.loads((shared_data / "vectors" / "pytorch3d_cv_project_points_precomputed.json").read_text())
    assert len(cases) == 4
    for case in cases:
        world_to_camera = np.eye(4)
        world_to_camera[:3, :3] = rotation_exp([case["rvec"]])[0]
        world_to_camera[:3, 3] = case["tvec"]
        pixels, _ = project(np.array(case["pts"]), np.array(case["camera_matrix"]), inverse(world_to_camera))
        np.testing.assert_allclose(pixels, np.array(case["pts_proj"]), atol=1e-6)


def test_motorcycle_goes_to_metres_and_back(bike: Motorcycle) -> None:
    points = unproject(bike.depth, bike.intrinsics)
    known = np.isfinite(bike.depth)
    assert np.isnan(points[~known]).all()
    pixels, depth = project(points[known], bike.intrinsics, np.eye(4))
    np.testing.assert_allclose(pixels, pixel_grid(*bike.depth.shape[::-1])[known], atol=1e-9)
    np.testing.assert_allclose(depth, bike.depth[known], rtol=1e-12)
    chosen = unproject_pixels(pixel_grid(*bike.depth.shape[::-1])[known], bike.depth[known], bike.intrinsics)
    np.testing.assert_allclose(chosen, points[known], rtol=1e-12, atol=1e-12)


def test_axes_are_opencvs() -> None:
    k = intrinsics_matrix(100, 100, 50, 40)
    pixels, depth = project(np.array([[0.0, 0, 2], [1, 0, 2], [0, 1, 2], [0, 0, -1]]), k, np.eye(4))
    np.testing.assert_allclose(pixels[:3], [(50, 40), (100, 40), (50, 90)])
    np.testing.assert_allclose(depth, [2, 2, 2, -1])


def test_a_point_in_the_camera_raises_no_warning() -> None:
    pixels, depth = project(np.zeros((1, 3)), intrinsics_matrix(1, 1, 0, 0), np.eye(4))
    assert depth[0] == 0
    assert not np.isfinite(pixels).any()


def test_pixel_centres_are_at_halves() -> None:
    grid = pixel_grid(3, 2)
    assert grid.shape == (2, 3, 2)
    np.testing.assert_array_equal(grid[0, 0], (0.5, 0.5))
    np.testing.assert_array_equal(grid[1, 2], (2.5, 1.5))


@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(0.05, 3))
def test_field_of_view_reaches_the_borders(width: int, height: int, fov: float) -> None:
    k = intrinsics_from_fov(width, height, fov)
    edge = np.array([[np.tan(fov / 2), 0.0, 1.0], [-np.tan(fov / 2), 0.0, 1.0]])
    pixels, _ = project(edge, k, np.eye(4))
    np.testing.assert_allclose(pixels, [(width, height / 2), (0, height / 2)], atol=1e-6)


@given(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
def test_scaled_pictures_show_the_same(new_size: tuple[int, int], point: tuple[float, float]) -> None:
    k = intrinsics_matrix(700, 650, 300, 200)
    world = np.array([[*point, 1.0]])
    old, _ = project(world, k, np.eye(4))
    new, _ = project(world, scaled_intrinsics(k, (640, 360), new_size), np.eye(4))
    np.testing.assert_allclose(new / new_size, old / (640, 360), atol=1e-9)


def test_float32_depth_is_computed_in_double() -> None:
    points = unproject(np.full((2, 2), 3, np.float32), intrinsics_matrix(2, 2, 1, 1))
    assert points.dtype == np.float64
    assert points[0, 0] == pytest.approx((-0.75, -0.75, 3))
