"""Ground, walls and cut-outs on synthetic scenes whose depth is known: rays cast into a box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.projection import intrinsics_matrix, scaled_intrinsics
from blender_addon.core.depth.layout.ground_plane import down_vector, horizon_of, point_on_floor
from blender_addon.core.depth.layout.layout import CutOut, DepthLayout, Ground, Mask, Point, Wall
from blender_addon.core.depth.layout.layout_depth import layout_depth, layout_surfaces
from blender_addon.core.depth.layout.surfaces import CUT_OUT, FLOOR, WALL
from blender_addon.core.errors import PhotoError

SIZE = (96, 64)
LENS = intrinsics_matrix(80.0, 84.0, 45.0, 34.0)
ROOM = np.array([[-2.1, -1.7, -1.0], [2.6, 1.1, 5.2]])
"""Corners of a box in the world: x right, y down, z forward; the camera at the origin is 1.1 m over its floor."""


def turned(yaw: float, pitch: float, roll: float) -> Float64:
    """World-to-camera rotation; degrees: to the right, downwards, clockwise."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def room_depth(rotation: Float64, size: tuple[int, int]) -> Float64:
    """[h, w] metres along z to the room's inside, by casting rays from the origin."""
    x, y = np.meshgrid((np.arange(size[0]) + 0.5) * SIZE[0] / size[0], (np.arange(size[1]) + 0.5) * SIZE[1] / size[1])
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(LENS).T @ rotation
    with np.errstate(divide="ignore"):
        ways = np.where(rays > 0, ROOM[1] / rays, np.where(rays < 0, ROOM[0] / rays, np.inf))
    return np.asarray(ways.min(axis=-1))


def seen_at(points: Float64, rotation: Float64) -> tuple[Point, ...]:
    """World points in fractions of the photo."""
    homogeneous = points @ rotation.T @ LENS.T
    return tuple((float(x / z / SIZE[0]), float(y / z / SIZE[1])) for x, y, z in homogeneous)


def in_front(near: list[float], far: list[float], rotation: Float64) -> tuple[Float64, Float64]:
    """A line between two world points, as far as it lies 5 cm and more in front of the camera; its far end does."""
    start, end = np.array(near), np.array(far)
    behind, ahead = (rotation @ start)[2], (rotation @ end)[2]
    return end + (start - end) * min(1.0, (ahead - 0.05) / (ahead - behind)), end


def room_layout(rotation: Float64) -> DepthLayout:
    """The room drawn without error: its floor's edge from behind the left border to behind the right one."""
    edge = [in_front([x, ROOM[1, 1], 0.4], [x, ROOM[1, 1], ROOM[1, 2]], rotation) for x in (ROOM[0, 0], ROOM[1, 0])]
    (left, far_left), (right, far_right) = edge
    down = rotation @ np.array([0.0, 1.0, 0.0])
    height = ROOM[1, 1]
    ground = Ground(horizon_of(down, LENS, SIZE), height, ceiling=height - ROOM[0, 1])
    return DepthLayout(
        ground=ground, walls=(Wall(seen_at(np.array([left, far_left, far_right, right]), rotation)),), farthest=None
    )


@settings(max_examples=40, deadline=None)
@given(st.floats(-25, 25), st.floats(-20, 30), st.floats(-25, 25), st.sampled_from([SIZE, (48, 32), (144, 96)]))
@example(0.0, 0.0, 0.0, (48, 32))
@example(1.2, -15.6, 24.1, (48, 32))  # a near corner is behind the camera
def test_a_room_s_depth_is_exact_from_a_tilted_camera(
    yaw: float, pitch: float, roll: float, size: tuple[int, int]
) -> None:
    rotation = turned(yaw, pitch, roll)
    depth = layout_depth(room_layout(rotation), size, LENS, SIZE)
    np.testing.assert_allclose(depth, room_depth(rotation, size), rtol=1e-5)


def test_a_thing_stands_on_the_floor_where_its_foot_is() -> None:
    rotation = turned(8, 15, 5)
    foot = np.array([0.3, ROOM[1, 1], 3.0])
    away = foot * [1, 0, 1] / np.hypot(foot[0], foot[2])
    side = np.array([away[2], 0.0, -away[0]])
    corners = np.array([foot + side * x - [0, up, 0] for x, up in ((-0.4, 0), (0.4, 0), (0.4, 1.5), (-0.4, 1.5))])
    cut_out = CutOut(seen_at(corners, rotation), foot=seen_at(foot[None], rotation)[0])
    layout = DepthLayout(ground=room_layout(rotation).ground, cut_outs=(cut_out,))
    surfaces = layout_surfaces(layout, SIZE, LENS, SIZE)
    inside = surfaces.surface == CUT_OUT
    assert 300 < inside.sum() < 3000
    points = _points(surfaces.depth)[inside] @ rotation
    np.testing.assert_allclose(points @ away, foot @ away, rtol=1e-9)
    across = (points - foot) @ side
    assert np.abs(across).max() < 0.4 + 1e-9
    assert (foot[1] - points[:, 1]).max() == pytest.approx(1.5, abs=0.1)


@pytest.mark.parametrize("turn", [-50.0, 0.0, 35.0])
def test_a_cut_out_turns_about_its_upright_axis(turn: float) -> None:
    """Counter-clockwise seen from above: its right side goes away from the camera."""
    outline = ((0.4, 0.3), (0.6, 0.3), (0.6, 0.8), (0.4, 0.8))
    layout = DepthLayout(
        ground=Ground((0.4, 0.4), 1.6), cut_outs=(CutOut(outline, foot=(0.45 / 0.96, 0.8), turn=turn),)
    )
    lens = intrinsics_matrix(80.0, 80.0, 45.0, 25.6)
    surfaces = layout_surfaces(layout, SIZE, lens, SIZE)
    points = _points(surfaces.depth, lens)[surfaces.surface == CUT_OUT]
    rise = np.polyfit(points[:, 0], points[:, 2], 1)[0]
    assert rise == pytest.approx(np.tan(np.radians(turn)), abs=1e-9)


@pytest.mark.parametrize("height", [0.75, 2.2])
def test_a_table_top_lies_level_and_what_is_on_it_stands_there(height: float) -> None:
    """Also above the camera, as a shelf's underside is."""
    ground = Ground((0.42, 0.47), 1.5)
    rows = (0.6, 0.8) if height < 1.5 else (0.1, 0.3)
    top = CutOut(((0.2, rows[0]), (0.8, rows[0]), (0.8, rows[1]), (0.2, rows[1])), height=height, lying=True)
    thing = CutOut(((0.4, 0.02), (0.5, 0.02), (0.5, 0.6), (0.4, 0.6)), foot=(0.45, rows[0] + 0.1), height=height)
    down = down_vector(ground.horizon, LENS, SIZE)
    lying = layout_surfaces(DepthLayout(ground=ground, cut_outs=(top,)), SIZE, LENS, SIZE)
    level = _points(lying.depth)[lying.surface == CUT_OUT] @ down
    np.testing.assert_allclose(level, 1.5 - height, rtol=1e-9)
    standing = layout_surfaces(DepthLayout(ground=ground, cut_outs=(thing,)), SIZE, LENS, SIZE)
    points = _points(standing.depth)[standing.surface == CUT_OUT]
    foot = point_on_floor((45 * 0.96, (rows[0] + 0.1) * 64), down, 1.5 - height, LENS)
    away = foot - (foot @ down) * down
    np.testing.assert_allclose(points @ away, foot @ away, rtol=1e-9)


def test_the_nearest_of_overlapping_walls_and_cut_outs_is_seen() -> None:
    ground = Ground((0.3, 0.3), 1.5)
    far, near = Wall(((0.0, 0.5), (1.0, 0.5))), Wall(((0.3, 0.7), (0.7, 0.7)), height=0.5)
    square = ((0.4, 0.2), (0.6, 0.2), (0.6, 0.9), (0.4, 0.9))
    surfaces = [
        layout_surfaces(DepthLayout(ground=ground, walls=walls, cut_outs=cut_outs), SIZE, LENS, SIZE)
        for walls, cut_outs in (((far, near), (CutOut(square), CutOut(square, distance=9.0))),
                                ((near, far), (CutOut(square, distance=9.0), CutOut(square))))
    ]  # fmt: skip
    np.testing.assert_array_equal(surfaces[0].depth, surfaces[1].depth)
    drawn = surfaces[0].surface
    assert drawn[50, 48] == CUT_OUT
    assert surfaces[0].depth[50, 48] < 9
    assert drawn[40, 32] == WALL
    assert surfaces[0].depth[40, 32] < surfaces[0].depth[28, 32]
    assert drawn[44, 5] == FLOOR


def test_a_wall_with_a_height_ends_there() -> None:
    layout = DepthLayout(ground=Ground((0.5, 0.5), 1.0), walls=(Wall(((0.0, 0.9), (1.0, 0.9)), height=2.0),))
    lens = intrinsics_matrix(60.0, 60.0, 48.0, 32.0)
    surface = layout_surfaces(layout, SIZE, lens, SIZE).surface
    # The camera is halfway up the wall, so it ends as far above the horizon as it begins below it.
    assert surface[7, 48] == WALL
    assert surface[5, 48] != WALL


def test_what_stands_nowhere_is_far_or_unknown() -> None:
    ground = Ground((0.5, 0.5), 1.6)
    far = layout_depth(DepthLayout(ground=ground, farthest=20.0), SIZE, LENS, SIZE)
    unknown = layout_depth(DepthLayout(ground=ground, farthest=None), SIZE, LENS, SIZE)
    assert far.max() == 20.0
    assert (far[:32] == 20.0).all()
    assert np.isnan(unknown[:32]).all()
    near = far < 20.0
    np.testing.assert_array_equal(far[near], unknown[near])


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.5, 1.4), st.floats(-0.5, 1.4))
def test_a_horizon_comes_back_from_the_plane_it_made(left: float, right: float) -> None:
    down = down_vector((left, right), LENS, SIZE)
    assert horizon_of(down * 3, LENS, SIZE) == pytest.approx((left, right), abs=1e-9)
    np.testing.assert_allclose(down_vector((left, right), scaled_intrinsics(LENS, SIZE, (480, 640)), (480, 640)), down)


def test_a_mask_cuts_as_its_outline_does() -> None:
    outline = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    inside = np.zeros((64, 96), np.bool_)
    inside[16:48, 24:72] = True
    mask = Mask.of(inside)
    np.testing.assert_array_equal(mask.inside(), inside)
    layouts = [DepthLayout(ground=Ground((0.4, 0.4), 1.6), cut_outs=(c,)) for c in (CutOut(outline), CutOut(mask=mask))]
    np.testing.assert_allclose(*[layout_depth(layout, SIZE, LENS, SIZE) for layout in layouts], rtol=1e-6)


def test_a_lasso_that_crosses_itself_cuts_out_all_it_goes_around() -> None:
    bow = CutOut(((0.2, 0.2), (0.8, 0.8), (0.8, 0.2), (0.2, 0.8)), distance=2.0)
    loop = CutOut(((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)) * 2, distance=2.0)
    shares = []
    for cut_out in (bow, loop):
        layout = DepthLayout(ground=None, cut_outs=(cut_out,), farthest=None)
        shares.append(float(np.isfinite(layout_depth(layout, SIZE, LENS, SIZE)).mean()))
    assert shares == pytest.approx([0.18, 0.36], abs=0.02)


def _points(depth: Float64, lens: Float64 = LENS) -> Float64:
    x, y = np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5)
    return np.asarray(np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(lens).T * depth[..., None])


GROUND = Ground((0.5, 0.5), 1.6)
SQUARE = ((0.4, 0.4), (0.6, 0.4), (0.6, 0.7), (0.4, 0.7))
REFUSED = [
    (DepthLayout(ground=Ground((0.5, 0.5), 0.0)), "height over the ground"),
    (DepthLayout(ground=Ground((0.5, float("nan")), 1.6)), "horizon is nowhere"),
    (DepthLayout(ground=Ground((1.2, 1.1), 1.6)), "shows no ground"),
    (DepthLayout(ground=Ground((0.5, 0.5), 1.6, ceiling=1.2)), "ceiling is not above"),
    (DepthLayout(ground=Ground((0.5, 0.5), 1.6, vertical=(0.5, 2.0))), "contradict each other"),
    (DepthLayout(ground=GROUND, farthest=0.0), "farthest distance"),
    (DepthLayout(ground=None, walls=(Wall(((0.1, 0.8), (0.9, 0.8))),)), "need a ground"),
    (DepthLayout(walls=(Wall(((0.1, 0.8),)),)), "no edge"),
    (DepthLayout(walls=(Wall(((0.1, 0.8), (0.1, 0.8))),)), "no length"),
    (DepthLayout(walls=(Wall(((0.1, 0.8), (0.9, 0.4)), name="Facade"),)), "Facade does not meet the floor"),
    (DepthLayout(walls=(Wall(((0.1, 0.8), (0.9, 0.8)), height=0.0),)), "no height"),
    (DepthLayout(walls=(Wall(((0.1, 0.8), (0.9, float("nan")))),)), "a point that is nowhere"),
    (DepthLayout(cut_outs=(CutOut(SQUARE, height=float("nan")),)), "a foot that is nowhere"),
    (DepthLayout(cut_outs=(CutOut(SQUARE, distance=0.0),)), "no distance"),
    (DepthLayout(cut_outs=(CutOut(SQUARE, foot=(0.5, 0.45)),)), "does not meet the floor"),
    (DepthLayout(cut_outs=(CutOut(((0.4, 0.4), (0.4, 0.9), (0.4, 0.6)),),)), "too small"),
    (DepthLayout(cut_outs=(CutOut(((0.4, 0.4), (0.5, 0.9))),)), "no area"),
    (DepthLayout(cut_outs=(CutOut(((-1, -1), (2, -1), (2, 2), (-1, 2)), foot=(0.5, 0.9)),)), "the whole photo"),
    (DepthLayout(cut_outs=(CutOut(mask=Mask(1000, 1000, (5000, 1, 994999))),)), "too small"),
    (DepthLayout(cut_outs=(CutOut(mask=Mask(10, 10, (5, 1))),)), "broken mask"),
    (DepthLayout(cut_outs=(CutOut(SQUARE, turn=90.0),)), "seen from its edge"),
    (DepthLayout(cut_outs=(CutOut(SQUARE, turn=89.0),)), "seen from its edge"),
    (DepthLayout(ground=None, cut_outs=(CutOut(SQUARE),)), "stands nowhere"),
    (DepthLayout(cut_outs=(CutOut(SQUARE, height=2.0),)), "does not stand at its height"),
    (DepthLayout(cut_outs=(CutOut(SQUARE, foot=(0.5, 0.9), lying=True),)), "seen from its edge"),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_cannot_be_is_refused_in_words(layout: DepthLayout, words: str) -> None:
    with pytest.raises(PhotoError) as caught:
        layout_depth(layout, SIZE, LENS, SIZE)
    assert words in caught.value.what
    assert caught.value.why
    assert caught.value.remedy


def test_a_horizon_above_the_photo_leaves_floor_everywhere() -> None:
    surfaces = layout_surfaces(DepthLayout(ground=Ground((-0.4, -0.2), 1.6)), SIZE, LENS, SIZE)
    assert (surfaces.surface == FLOOR).all()
    assert np.isfinite(surfaces.depth).all()


def test_a_photo_of_100_mpx_is_laid_out_at_its_mesh_s_size() -> None:
    photo = (12000, 8334)
    lens = scaled_intrinsics(LENS, SIZE, photo)
    layout = DepthLayout(
        ground=Ground((0.4, 0.5), 1.6), walls=(Wall(((0.0, 0.6), (1.0, 0.7))),), cut_outs=(CutOut(SQUARE),)
    )
    np.testing.assert_allclose(
        layout_depth(layout, SIZE, lens, photo), layout_depth(layout, SIZE, LENS, SIZE), rtol=1e-6
    )


def test_a_wall_goes_on_after_two_points_at_one_place() -> None:
    once, twice = (DepthLayout(walls=(Wall((*[(0.1, 0.8)] * times, (0.9, 0.7))),)) for times in (1, 2))
    np.testing.assert_array_equal(layout_depth(twice, SIZE, LENS, SIZE), layout_depth(once, SIZE, LENS, SIZE))
