"""The depth of triangles seen by the photo's camera, against surfaces whose depth can be written down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.depth_mesh import depth_mesh, thin_depth
from blender_addon.core.depth.seen_depth import GridRays, seen_depth

PHOTO = (64, 48)
CAMERA = intrinsics_matrix(60.0, 64.0, 31.0, 22.5)
BOX = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def rays_of(photo: tuple[int, int] = PHOTO, most: int = 10**6) -> GridRays:
    grid = thin_depth(np.ones(photo[::-1], np.float32), most)
    return GridRays(grid.u, grid.v, CAMERA, photo)


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A box's 8 corners and 12 triangles."""
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    return corners.astype(np.float64), np.concatenate([BOX[:, [0, 1, 2]], BOX[:, [0, 2, 3]]]).astype(np.int32)


def inside_of_box(low: tuple[float, float, float], high: tuple[float, float, float], rays: GridRays) -> np.ndarray:
    """[R, C] depth of the walls around a camera that stands in a box."""
    directions = rays.directions()
    with np.errstate(divide="ignore"):
        ways = np.where(directions > 0, np.array(high) / directions, np.array(low) / directions)
    return np.where(directions == 0, np.inf, ways).min(axis=-1)


@pytest.mark.parametrize("most", [10**6, 800, 200])
def test_a_room_around_the_camera_has_the_depth_of_its_walls(most: int) -> None:
    """Its walls reach behind the camera and far out of the picture; their inner sides are seen."""
    low, high = (-2.0, -1.5, -3.0), (2.5, 1.2, 6.0)
    rays = rays_of(most=most)
    seen, walls = seen_depth(*box(low, high), rays), inside_of_box(low, high, rays)
    np.testing.assert_allclose(seen[1:-1, 1:-1], walls[1:-1, 1:-1], rtol=1e-6)
    # The outermost places stand half a pixel beside the centres that were drawn: there a corner may be off by that.
    np.testing.assert_allclose(seen, walls, rtol=0.2)
    assert np.isclose(seen, walls, rtol=1e-6).mean() > 0.98


unit = st.floats(0.3, 4.0)


@given(unit, unit, unit, unit)
def test_the_nearest_of_several_counts(across: float, down: float, near: float, more: float) -> None:
    """A box stands in a room: each place has the room's depth or the box's front, whichever is nearer."""
    rays = rays_of()
    room_low, room_high = (-9.0, -9.0, -9.0), (9.0, 9.0, 9.0)
    corners, faces = box((-across, -down, near), (across, down, near + more))
    room, room_faces = box(room_low, room_high)
    depth = seen_depth(np.concatenate([corners, room]), np.concatenate([faces, room_faces + 8]), rays)
    ways = rays.directions()
    front = (np.abs(ways[..., 0]) * near <= across) & (np.abs(ways[..., 1]) * near <= down)
    expected = np.where(front, near, inside_of_box(room_low, room_high, rays))
    # On the very outline of the front rounding decides; the outermost places stand beside their pixels' centres.
    sure = (np.abs(np.abs(ways[..., 0]) * near - across) > 0.02 * near) & (
        np.abs(np.abs(ways[..., 1]) * near - down) > 0.02 * near
    )
    np.testing.assert_allclose(depth[sure], expected[sure], rtol=1e-6)


def test_what_covers_nothing_is_nothing() -> None:
    rays = rays_of()
    for low, high in [
        ((-1.0, -1.0, -5.0), (1.0, 1.0, -4.0)),
        ((50.0, -1.0, 2.0), (51.0, 1.0, 3.0)),
    ]:
        assert np.isnan(seen_depth(*box(low, high), rays)).all()
    nothing = seen_depth(np.zeros((0, 3)), np.zeros((0, 3), np.int32), rays)
    assert nothing.shape == (48, 64)
    assert np.isnan(nothing).all()


@pytest.mark.parametrize("nowhere", [np.nan, np.inf])
def test_a_triangle_with_a_corner_that_is_nowhere_is_not_seen(nowhere: float) -> None:
    wall = np.array([[-9.0, -9, 2], [9, -9, 2], [0, 9, 2]])
    vertices, triangles = (
        np.concatenate([wall, wall / 2, [[0, nowhere, 1]]]),
        np.array([[0, 1, 2], [3, 4, 6]], np.int32),
    )
    assert np.nanmax(seen_depth(vertices, triangles, rays_of())) == pytest.approx(2)
    assert np.nanmin(seen_depth(vertices, triangles, rays_of())) == pytest.approx(2)


def test_a_degenerate_triangle_is_no_surface() -> None:
    line = np.array([[0.0, 0.0, 2.0], [1.0, 1.0, 2.0], [2.0, 2.0, 2.0]])
    assert np.isnan(seen_depth(line, np.array([[0, 1, 2], [0, 0, 0]], np.int32), rays_of())).all()


@pytest.mark.parametrize("most", [10**6, 700])
def test_a_photos_mesh_seen_from_its_camera_is_its_depth(most: int) -> None:
    """Cut at edges, thinned, with holes: each vertex with a face gives back its own depth."""
    generator = np.random.default_rng(7)
    depth = (2 + np.arange(64) * 0.03 + 0.01 * generator.random((48, 64))).astype(np.float32)
    depth[10:30, 20:40] /= 2
    depth[40:44, 5:15] = np.nan
    mesh = depth_mesh(depth, CAMERA, PHOTO, max_vertices=most)
    rays = GridRays(mesh.grid.u, mesh.grid.v, CAMERA, PHOTO)
    seen = seen_depth(mesh.vertices.astype(np.float64), mesh.all_triangles(), rays)
    covered = np.zeros(len(mesh.vertices), np.bool_)
    covered[mesh.all_triangles().ravel()] = True
    own = np.isfinite(mesh.grid.depth)
    own[own] = covered
    # The outermost vertices stand beside the centres that are drawn, which a cut beside them may miss.
    own[[0, -1]] = own[:, [0, -1]] = False
    np.testing.assert_allclose(seen[own], mesh.grid.depth[own], rtol=1e-5)
    assert np.isnan(seen[~np.isfinite(mesh.grid.depth)]).all()
