"""What fills the pixels that come into sight, on scenes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.engines.draft.engine import DraftEngine
from server.engines.draft.painting import behind
from server.engines.draft.surfaces import View
from tests.support.shots import rendered, truck

RED, GREEN = np.array((200, 30, 20)), np.array((30, 160, 60))
SIZE = (96, 64)
INTRINSICS = intrinsics_matrix(80.0, 80.0, 48.0, 32.0)
SQUARE = np.s_[20:44, 36:60]


def clip_of(photo: np.ndarray, depth: np.ndarray, metres: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """The draft's frames as numbers, and where the preview does not cover them."""
    trajectory = truck(metres, INTRINSICS, SIZE)
    preview = rendered(photo, depth.astype(np.float32), INTRINSICS, trajectory)
    shot = Shot(trajectory, preview, photo, INTRINSICS, depth.astype(np.float32), ShotSettings(engine="draft"))
    return DraftEngine().generate(shot, lambda _: None).frames.astype(int), preview[..., 3] == 0


def square_before_wall(wall: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A red square 1 m away before a wall [64, 96, 3] 2 m away."""
    photo, depth = wall.astype(np.uint8), np.full((64, 96), 2.0)
    photo[SQUARE], depth[SQUARE] = RED, 1.0
    return photo, depth


def test_a_mixed_band_belongs_to_neither_side() -> None:
    """Pixels beside the square that are half red have the wall's depth: what comes into sight has none of it."""
    photo, depth = square_before_wall(np.broadcast_to(GREEN, (64, 96, 3)))
    photo[20:44, 34:36] = photo[20:44, 60:62] = (RED + GREEN) // 2
    frames, hole = clip_of(photo, depth, [0.0, 0.2])
    # In frame 1 the square stands 16 columns further left, the wall with the mixed pixels 8.
    hidden = hole[1].copy()
    hidden[:, :46] = hidden[:, 51:] = False
    assert hidden.sum() > 80
    assert np.abs(frames[1][hidden] - GREEN).max() < 12


def test_thin_holes_in_an_object_show_what_is_behind_it() -> None:
    """Spokes: gaps of unknown depth, three pixels wide, through which the wall is seen."""
    photo, depth = square_before_wall(np.broadcast_to(GREEN, (64, 96, 3)))
    for left in (39, 45, 51):
        photo[20:44, left : left + 3], depth[20:44, left : left + 3] = GREEN, np.nan
    frames, hole = clip_of(photo, depth, [0.0, 0.1])
    for left in (39, 45, 51):
        # The gap's middle moves with the object, 8 columns to the left.
        gap = frames[1][22:42, left + 1 - 8]
        assert hole[1][22:42, left + 1 - 8].mean() > 0.5
        assert np.abs(gap - GREEN).mean() < 30


def test_a_line_goes_on_behind_a_foreground() -> None:
    """A dark shelf before a light wall, hidden in the middle, comes into sight as a shelf."""
    wall = np.full((64, 96, 3), 210)
    wall[28:36] = 50
    photo, depth = square_before_wall(wall)
    frames, hole = clip_of(photo, depth, [0.0, 0.2])
    shown = frames[1][:, 45:50]
    assert hole[1][22:42, 45:50].mean() > 0.9
    assert np.median(shown[22:26]) > 180
    assert np.median(shown[30:34]) < 80
    assert np.median(shown[38:42]) > 180


def test_a_rough_wall_is_rough_behind_a_foreground_too() -> None:
    rough = np.random.default_rng(5).integers(70, 170, (64, 96, 1)).repeat(3, axis=2)
    frames, hole = clip_of(*square_before_wall(rough), [0.0, 0.2])
    filled = hole[1].copy()
    filled[:, :46] = filled[:, 51:] = False
    assert frames[1][filled].std() > 0.25 * rough.std()
    assert abs(frames[1][filled].mean() - rough.mean()) < 15


@pytest.mark.parametrize("metres", [0.25, -0.25])
def test_a_plane_goes_on_beside_the_photo(metres: float) -> None:
    """A wall of boards: beside the photo they go on, less clear the farther out, and never as another plane's."""
    boards = np.where(np.arange(64) // 8 % 2, 60, 190)[:, None, None].repeat(96, axis=1).repeat(3, axis=2)
    frames, hole = clip_of(boards.astype(np.uint8), np.full((64, 96), 2.0), [0.0, metres])
    outside = np.flatnonzero(hole[1].all(axis=0))
    assert len(outside) >= 8
    inner = outside[-3:] if metres < 0 else outside[:3]
    middle = np.arange(64) % 8 // 2 == 1
    contrast = np.abs(frames[1][middle][:, outside].mean(axis=-1) - 125)
    assert np.abs(frames[1][:, inner] - boards[:, :3])[middle].mean() < 30
    nearest_first = contrast.mean(axis=0) if metres > 0 else contrast.mean(axis=0)[::-1]
    assert nearest_first[0] >= nearest_first[-1] - 1


def test_a_light_border_is_no_fog_beside_the_photo() -> None:
    """A dark wall whose photo has a white margin of three pixels: farther out it is dark again."""
    photo = np.full((64, 96, 3), 50, np.uint8)
    photo[:3], photo[-3:], photo[:, :3], photo[:, -3:] = 250, 250, 250, 250
    frames, hole = clip_of(photo, np.full((64, 96), 2.0), [0.0, 0.4])
    outside = np.flatnonzero(hole[1].all(axis=0))
    assert len(outside) >= 14
    assert frames[1][8:-8, outside[-6:]].mean() < 110


def test_no_foreground_is_mirrored_beside_the_photo() -> None:
    """A red post that stands near the photo's edge stays the only one."""
    photo, depth = np.broadcast_to(GREEN, (64, 96, 3)).astype(np.uint8), np.full((64, 96), 2.0)
    photo[:, 84:90], depth[:, 84:90] = RED, 1.0
    frames, hole = clip_of(photo, depth, [0.0, 0.3])
    outside = hole[1].copy()
    outside[:, :84] = False
    assert outside.sum() > 400
    assert np.abs(frames[1][outside] - GREEN).max() < 30


def test_where_all_that_is_seen_stands_in_front_it_stays_as_it_is() -> None:
    """Nothing behind is seen: what fills the hole is a guess from what is, which keeps its colours."""
    stripes = np.zeros((64, 96, 3), np.float32)
    stripes[::2] = 200
    hole = np.zeros((64, 96), bool)
    hole[:, 48:] = True
    nowhere = np.zeros_like(hole)
    depth = np.where(hole, np.inf, 1).astype(np.float32)
    view = View(stripes, depth, nowhere, nowhere, np.full_like(depth, np.nan))
    painting = behind(view, hole, np.full((64, 96), 0.1, np.float32))
    np.testing.assert_array_equal(painting.own, ~hole)
    np.testing.assert_array_equal(painting.colour[~hole], stripes[~hole])
