"""The numpy renderer against projected points, against the photo, and against its own rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.projection import intrinsics_matrix, pixel_grid, project, unproject
from blender_addon.core.camera.trajectory import rotation_exp
from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.depth.rasterize import rasterize
from server.demo.motorcycle import Motorcycle
from server.geometry.preview import PreviewRenderer

CAMERA = intrinsics_matrix(60.0, 64.0, 31.0, 22.5)
SIZE = (64, 48)


def square(z: float, half: float = 0.3, x: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[x - half, -half, z], [x - half, half, z], [x + half, half, z], [x + half, -half, z]])
    return corners.astype(np.float32), np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def pose(rotation: tuple[float, float, float], centre: tuple[float, float, float]) -> np.ndarray:
    result = np.eye(4)
    result[:3, :3] = rotation_exp(np.array([rotation]))[0]
    result[:3, 3] = centre
    return result


small = st.floats(-0.3, 0.3)


@given(st.tuples(small, small, small), st.tuples(small, small, small))
def test_every_pixel_unprojects_to_the_surface_it_shows(
    rotation: tuple[float, float, float], centre: tuple[float, float, float]
) -> None:
    vertices, triangles = square(2.0, half=0.6)
    camera = pose(rotation, centre)
    fragments = rasterize(vertices, triangles, CAMERA, camera, SIZE)
    points = fragments.interpolate(triangles, vertices)[fragments.covered].astype(np.float64)
    pixels, z = project(points, CAMERA, camera)
    np.testing.assert_allclose(pixels, pixel_grid(*SIZE)[fragments.covered], atol=0.01)
    np.testing.assert_allclose(z, fragments.depth[fragments.covered], rtol=1e-4)
    # And nothing of the square was left out: its area in pixels is what was covered, up to its outline.
    corners, _ = project(vertices.astype(np.float64), CAMERA, camera)
    inside = np.all((corners > 0) & (corners < SIZE))
    if inside:
        x, y = corners.T
        area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        outline = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum()
        assert abs(fragments.covered.sum() - area) < outline


@pytest.mark.parametrize("near_first", [True, False])
def test_the_nearer_surface_wins_whatever_the_order(near_first: bool) -> None:
    near, faces = square(1.0, half=0.1)
    far, _ = square(2.0, half=0.6)
    vertices = np.concatenate([near, far] if near_first else [far, near])
    triangles = np.concatenate([faces, faces + 4])
    fragments = rasterize(vertices, triangles, CAMERA, np.eye(4), SIZE)
    assert fragments.depth[22, 31] == pytest.approx(1.0)
    assert fragments.depth[22, 45] == pytest.approx(2.0)
    assert np.isinf(fragments.depth[0, 0])


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    vertices, triangles = square(-1.0)
    assert not rasterize(vertices, triangles, CAMERA, np.eye(4), SIZE).covered.any()


def test_no_crack_between_neighbouring_triangles() -> None:
    generator = np.random.default_rng(3)
    depth = (2 + 0.02 * generator.random((48, 64))).astype(np.float32)
    mesh = depth_mesh(depth, CAMERA, SIZE, depth_edge=1.0)
    fragments = rasterize(mesh.vertices, mesh.all_triangles(), CAMERA, pose((0.01, 0.02, 0.3), (0, 0, 0.5)), SIZE)
    assert fragments.covered[8:-8, 8:-8].all()


def test_a_large_picture_is_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    depth = (2 + generator.random((48, 64))).astype(np.float32)
    mesh = depth_mesh(depth, CAMERA, SIZE, depth_edge=1.0)
    camera = pose((0.1, -0.1, 0.2), (0.3, 0, 0.4))
    whole = rasterize(mesh.vertices, mesh.all_triangles(), CAMERA, camera, SIZE)
    monkeypatch.setattr("blender_addon.core.depth.rasterize.CANDIDATES_AT_ONCE", 50)
    parts = rasterize(mesh.vertices, mesh.all_triangles(), CAMERA, camera, SIZE)
    np.testing.assert_array_equal(whole.triangle, parts.triangle)


def test_large_triangles_are_drawn_alike_on_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(9)
    vertices = (generator.random((60, 3)) * [4, 4, 3] + [-2, -2, 0.5]).astype(np.float32)
    triangles = np.arange(60, dtype=np.int32).reshape(-1, 3)
    together = rasterize(vertices, triangles, CAMERA, np.eye(4), SIZE)
    monkeypatch.setattr("blender_addon.core.depth.rasterize.LARGE", 10)
    alone = rasterize(vertices, triangles, CAMERA, np.eye(4), SIZE)
    assert len(np.unique(together.triangle)) > 5
    np.testing.assert_array_equal(together.triangle, alone.triangle)


def test_the_reference_view_is_the_photo(bike: Motorcycle) -> None:
    height, width = bike.depth.shape
    renderer = PreviewRenderer(bike.photo, depth_mesh(bike.depth, bike.intrinsics, (width, height)))
    frame = renderer.render(bike.intrinsics, np.eye(4), (width, height))
    seen = frame[..., 3] == 255
    error = np.abs(frame[..., :3].astype(int) - bike.photo)[seen]
    assert error.max() <= 2
    assert np.median(error) == 0
    # A vertex stands on every pixel's centre, so that only vertices without a face are missing.
    assert seen[np.isfinite(bike.depth)].mean() > 0.99
    assert not frame[~seen].any()


def test_known_points_land_on_their_pixels(bike: Motorcycle) -> None:
    height, width = bike.depth.shape
    camera = pose((0.0, -0.1, 0.02), (0.2, 0.05, -0.1))
    mesh = depth_mesh(bike.depth, bike.intrinsics, (width, height))
    fragments = rasterize(mesh.vertices, mesh.all_triangles(), bike.intrinsics, camera, (width, height))
    points = unproject(bike.depth, bike.intrinsics)[::25, ::25].reshape(-1, 3)
    pixels, z = project(points[np.isfinite(points).all(axis=1)], bike.intrinsics, camera)
    inside = ((pixels > 1) & (pixels < (width - 1, height - 1))).all(axis=1)
    column, row = np.floor(pixels[inside]).astype(int).T
    drawn = fragments.depth[row, column]
    # Nothing is drawn behind a point of the mesh: it shows itself, or what stands in front of it.
    shown = np.isfinite(drawn)
    assert (drawn[shown] < z[inside][shown] * 1.05).mean() > 0.98
    assert (np.abs(drawn / z[inside] - 1) < 0.02).mean() > 0.75
