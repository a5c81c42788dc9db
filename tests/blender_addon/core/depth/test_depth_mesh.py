"""The depth mesh: where its vertices stand, which faces it keeps, and what the photo's border gets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.projection import intrinsics_matrix, project, unproject
from blender_addon.core.depth.depth_mesh import DepthMesh, cut_faces, depth_mesh, mesh_stride
from blender_addon.core.errors import PhotoError
from server.demo.motorcycle import Motorcycle

CAMERA = intrinsics_matrix(40.0, 42.0, 11.0, 7.0)


def plane(width: int = 24, height: int = 16, metres: float = 2.0) -> np.ndarray:
    return np.full((height, width), metres, np.float32)


def areas(mesh: DepthMesh, size: tuple[int, int]) -> np.ndarray:
    """Signed area of every triangle in the picture, pixels; positive when it faces the reference camera."""
    a, b, c = (mesh.uv[mesh.all_triangles()].astype(np.float64) * size).transpose(1, 0, 2)
    return -((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def test_vertices_lie_on_their_pixels_at_their_depth(bike: Motorcycle) -> None:
    height, width = bike.depth.shape
    mesh = depth_mesh(bike.depth, bike.intrinsics, (width, height))
    pixels, z = project(mesh.vertices.astype(np.float64), bike.intrinsics, np.eye(4))
    np.testing.assert_allclose(pixels, mesh.uv * (width, height), atol=1e-3)
    np.testing.assert_allclose(z, bike.depth[np.isfinite(bike.depth)], rtol=1e-6)
    inner = (mesh.uv > 0).all(axis=1) & (mesh.uv < 1).all(axis=1)
    expected = unproject(bike.depth, bike.intrinsics)[np.isfinite(bike.depth)]
    np.testing.assert_allclose(mesh.vertices[inner], expected[inner], atol=1e-5)


def test_a_plane_covers_the_whole_picture_facing_the_camera() -> None:
    mesh = depth_mesh(plane(), CAMERA, (24, 16))
    area = areas(mesh, (24, 16))
    assert (area > 0).all()
    assert area.sum() == pytest.approx(24 * 16)
    assert len(mesh.triangles) == 0


def test_a_depth_map_of_another_resolution_covers_the_same_photo() -> None:
    mesh = depth_mesh(plane(12, 8), CAMERA, (24, 16))
    pixels, _ = project(mesh.vertices.astype(np.float64), CAMERA, np.eye(4))
    np.testing.assert_allclose(pixels.min(axis=0), [0, 0], atol=1e-5)
    np.testing.assert_allclose(pixels.max(axis=0), [24, 16], atol=1e-5)


def test_a_depth_jump_is_cut_and_can_be_closed_again() -> None:
    depth = plane()
    depth[:, 12:] = 2.2
    mesh = depth_mesh(depth, CAMERA, (24, 16), depth_edge=0.05)
    closed = depth_mesh(depth, CAMERA, (24, 16), depth_edge=0.11)
    assert areas(mesh, (24, 16)).sum() == pytest.approx(24 * 16 - 16)
    assert areas(closed, (24, 16)).sum() == pytest.approx(24 * 16)
    np.testing.assert_array_equal(closed.vertices, mesh.vertices)


@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0, np.inf])
def test_unknown_depth_is_a_hole(bad: float) -> None:
    depth = plane()
    depth[5, 5] = bad
    mesh = depth_mesh(depth, CAMERA, (24, 16))
    assert len(mesh.vertices) == 24 * 16 - 1
    # The four cells around it keep their far halves.
    assert areas(mesh, (24, 16)).sum() == pytest.approx(24 * 16 - 2)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.5))
def test_no_face_spans_a_jump_and_none_overlap(seed: int, edge: float) -> None:
    generator = np.random.default_rng(seed)
    depth = np.where(generator.random((6, 7)) < 0.2, np.nan, generator.choice([1.0, 1.1, 1.3, 2.0], (6, 7)))
    if not np.isfinite(depth).any():
        return
    mesh = depth_mesh(depth.astype(np.float32), CAMERA, (7, 6), depth_edge=edge)
    z = mesh.vertices[:, 2][mesh.all_triangles()]
    assert (z.max(axis=1) <= z.min(axis=1) * (1 + edge) * (1 + 1e-6)).all()
    assert (areas(mesh, (7, 6)) > 0).all()
    # A cell holds at most two triangles, and two only as the halves of one diagonal: their corners' areas add to one.
    cell = np.floor(mesh.uv[mesh.all_triangles()].mean(axis=1) * (7, 6) - 0.5 + 1e-3).astype(int)
    cell = np.clip(cell, 0, (5, 4))
    _, count = np.unique(cell, axis=0, return_counts=True)
    assert (count <= 2).all()


@given(st.integers(2, 5000), st.integers(2, 5000), st.integers(4, 600_000))
def test_stride_is_the_smallest_that_fits(width: int, height: int, limit: int) -> None:
    def count(n: int) -> int:
        return len(range(n // 2, width, n)) * len(range(n // 2, height, n))

    n = mesh_stride(width, height, limit)
    shortest = min(len(range(n // 2, width, n)), len(range(n // 2, height, n)))
    assert shortest >= 2
    assert all(count(smaller) > limit for smaller in range(1, n))


def test_a_large_map_is_thinned_on_true_pixels() -> None:
    depth = np.random.default_rng(0).uniform(1, 3, (40, 61)).astype(np.float32)
    mesh = depth_mesh(depth, CAMERA, (61, 40), depth_edge=9.0, max_vertices=300)
    assert mesh.grid.stride == 3
    assert len(mesh.vertices) <= 300
    np.testing.assert_array_equal(mesh.grid.depth, depth[1::3, 1::3])
    pixel = mesh.uv.reshape(*mesh.grid.depth.shape, 2)[1, 1] * (61, 40)
    np.testing.assert_allclose(pixel, (4.5, 4.5), atol=1e-4)
    assert areas(mesh, (61, 40)).sum() == pytest.approx(61 * 40)


def test_nothing_known_is_said() -> None:
    with pytest.raises(PhotoError, match="none of its 384 pixels"):
        depth_mesh(plane() * np.nan, CAMERA, (24, 16))


def test_the_motorcycle_keeps_its_surfaces(bike: Motorcycle) -> None:
    quads, triangles = cut_faces(bike.depth, 0.05)
    cells = (bike.depth.shape[0] - 1) * (bike.depth.shape[1] - 1)
    assert 0.85 < len(quads) / cells < 0.93
    assert 0 < len(triangles) < 0.05 * cells
