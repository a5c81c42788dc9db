"""The draft engine: the preview where it is visible, and one fill of the world for the whole clip elsewhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from blender_addon.core.camera.projection import intrinsics_matrix, project
from blender_addon.core.camera.trajectory import Trajectory, rotation_exp
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.progress import JobProgress
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Cancelled
from server.engines.registry import capabilities, engines
from tests.support.shots import away_from_outlines, rendered, truck

RED, GREEN = (200, 30, 20), (30, 160, 60)
SETTINGS = ShotSettings(engine="draft")


def silent(_: JobProgress) -> None:
    """A report nobody reads."""


def draft(shot: Shot) -> Clip:
    return engines()["draft"]().generate(shot, silent)


def shot_of(photo: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray, trajectory: Trajectory) -> Shot:
    return Shot(trajectory, rendered(photo, depth, intrinsics, trajectory), photo, intrinsics, depth, SETTINGS)


def two_planes() -> Shot:
    """A red square 1 m away before a green wall 2 m away; the camera slides sideways."""
    size, intrinsics = (96, 64), intrinsics_matrix(80.0, 80.0, 48.0, 32.0)
    photo = np.empty((64, 96, 3), np.uint8)
    photo[:] = GREEN
    depth = np.full((64, 96), 2.0, np.float32)
    photo[20:44, 36:60], depth[20:44, 36:60] = RED, 1.0
    return shot_of(photo, depth, intrinsics, truck([0.0, 0.1, 0.2, -0.2], intrinsics, size))


def arc(bike: Motorcycle, count: int, degrees: float = 12.5, size: tuple[int, int] = (192, 120)) -> Shot:
    """The camera on an arc around a point 2.75 m before it."""
    height, width = bike.depth.shape
    scale = min(size[0] / width, size[1] / height)
    intrinsics = np.diag([scale, scale, 1.0]) @ bike.intrinsics
    intrinsics[:2, 2] += (np.array(size) - scale * np.array([width, height])) / 2
    pivot = np.array([0.0, 0.0, 2.75])
    poses = np.repeat(np.eye(4)[None], count, axis=0)
    angles = np.linspace(-1, 1, count) if count > 1 else np.ones(1)
    poses[:, :3, :3] = rotation_exp(np.radians(degrees * angles)[:, None] * np.array([[0.0, 1.0, 0.0]]))
    poses[:, :3, 3] = pivot - poses[:, :3, :3] @ pivot
    return shot_of(bike.photo, bike.depth, bike.intrinsics, Trajectory(poses, intrinsics, *size))


@pytest.fixture(scope="module")
def bike_arc(bike: Motorcycle) -> tuple[Shot, Clip]:
    shot = arc(bike, 5)
    return shot, draft(shot)


def visible(shot: Shot) -> np.ndarray:
    return shot.preview[..., 3] == 255


def test_it_says_that_it_is_a_draft_and_needs_nothing() -> None:
    (capability,) = [c for c in capabilities() if c.name == "draft"]
    assert capability.draft
    assert "draft" in capability.label.lower()
    assert not capability.needs_gpu
    assert not capability.needs_weights
    assert not capability.unavailable
    assert capability.sizes[0] == (512, 320)
    assert capability.frame_counts[0] == 16


def test_visible_pixels_are_the_preview(bike_arc: tuple[Shot, Clip]) -> None:
    shot, clip = bike_arc
    seen = visible(shot)
    assert 0.5 < seen.mean() < 0.95
    kept = away_from_outlines(shot, pixels=3)
    assert kept.mean() > 0.2
    np.testing.assert_array_equal(clip.frames[kept], shot.preview[..., :3][kept])
    changed = (clip.frames[seen] != shot.preview[..., :3][seen]).any(axis=-1)
    assert changed.mean() < 0.1


def test_the_clip_tells_what_made_it(bike_arc: tuple[Shot, Clip]) -> None:
    shot, clip = bike_arc
    assert clip.metadata.draft
    assert clip.metadata.engine == "draft"
    assert clip.metadata.settings == shot.settings
    np.testing.assert_allclose(clip.metadata.camera_to_world, shot.trajectory.camera_to_world)


def test_the_same_shot_gives_the_same_clip(bike_arc: tuple[Shot, Clip]) -> None:
    shot, clip = bike_arc
    np.testing.assert_array_equal(draft(shot).frames, clip.frames)


def test_what_a_foreground_hid_is_filled_with_background() -> None:
    shot = two_planes()
    clip = draft(shot)
    hole = ~visible(shot)
    assert hole[1:].mean() > 0.02
    # One pixel beside the cut-out is mixed with it, as an edge is in a photo; all others are the wall's green.
    beside = np.zeros_like(hole)
    red = visible(shot) & (shot.preview[..., 0] > 100)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            beside |= np.roll(red, (dy, dx), axis=(1, 2))
    inner = hole & ~beside
    assert inner.sum() > 500
    assert np.abs(clip.frames[inner].astype(int) - GREEN).max() <= 6


def test_a_floor_goes_on_as_a_floor() -> None:
    """A checkered plane would show a wrong slope at once; here its depth decides where a hidden stripe appears."""
    size, intrinsics = (96, 64), intrinsics_matrix(80.0, 80.0, 48.0, 10.0)
    rows = np.arange(64) + 0.5
    floor = np.where(rows > 14, 80.0 * 1.0 / np.maximum(rows - 10.0, 4.0), 20.0)
    depth = np.repeat(floor[:, None], 96, axis=1).astype(np.float32)
    photo = np.empty((64, 96, 3), np.uint8)
    photo[:] = np.round(40 + 3 * rows)[:, None, None].astype(np.uint8)
    photo[10:50, 40:56], depth[10:50, 40:56] = RED, 1.2
    shot = shot_of(photo, depth, intrinsics, truck([0.0, 0.2], intrinsics, size))
    clip = draft(shot)
    hole = ~visible(shot)[1]
    hole[:24] = False  # The horizon, where the floor's depth falls apart, is no floor.
    grey = clip.frames[1][hole].astype(int)
    row = np.nonzero(hole)[0]
    # The floor's brightness depends on its row alone, and a sideways move keeps rows.
    error = np.abs(grey - np.round(40 + 3 * (row + 0.5))[:, None])
    assert hole.sum() > 200
    assert np.median(error) < 12


def test_the_motorcycle_does_not_bleed_into_what_it_hid(bike: Motorcycle) -> None:
    """Painted in a colour of its own, the foreground's colour must not turn up in the holes behind it."""
    height, width = bike.depth.shape
    photo = bike.photo.copy()
    foreground = bike.depth < 2.9
    photo[foreground] = (255, 0, 255)
    painted = replace_photo(bike, photo)
    shot = arc(painted, 3, size=(256, 160))
    clip = draft(shot)
    hole = ~visible(shot)
    magenta = clip.frames[..., [0, 2]].min(axis=-1).astype(int) - clip.frames[..., 1]
    # Floor and rims nearer than 2.9 m are painted too, so some of it belongs there. Most of the holes are wall.
    middle = hole.copy()
    middle[:, :, : 256 // 5] = middle[:, :, -256 // 5 :] = False
    middle[:, 160 // 2 :] = False
    assert middle.sum() > 400
    assert (magenta[middle] > 100).mean() < 0.2
    assert foreground.shape == (height, width)


def replace_photo(bike: Motorcycle, photo: np.ndarray) -> Motorcycle:
    return bike._replace(photo=photo)


def test_a_hole_has_one_content_for_the_whole_clip() -> None:
    """A textured wall behind a square: what two frames show of the same hidden point of the wall is the same."""
    shot = two_planes()
    wall = np.random.default_rng(1).integers(60, 200, (8, 12, 3)).astype(np.uint8)
    photo = np.kron(wall, np.ones((8, 8, 1), np.uint8))
    photo[20:44, 36:60] = RED
    t = truck([0.17, 0.2], shot.photo_intrinsics, (96, 64))
    shot = shot_of(photo, shot.depth, shot.photo_intrinsics, t)
    clip = draft(shot)
    first_hole, second_hole = ~visible(shot)
    rows, columns = np.nonzero(first_hole[:, :80])
    z = 2.0
    k = shot.photo_intrinsics
    points = np.stack([(columns + 0.5 - k[0, 2]) / k[0, 0] * z, (rows + 0.5 - k[1, 2]) / k[1, 1] * z], axis=1)
    points = np.concatenate([points + np.array([0.17, 0.0]), np.full((len(points), 1), z)], axis=1)
    pixels, _ = project(points, t.intrinsics[1], t.camera_to_world[1])
    column, row = np.floor(pixels).astype(int).T
    both = (column >= 1) & (column < 95) & (row >= 0) & (row < 64)
    both[both] = second_hole[row[both], column[both]]
    # Away from the first pixel, which is mixed with the cut-out beside it.
    inner = both & first_hole[rows, np.maximum(columns - 2, 0)] & first_hole[rows, np.minimum(columns + 2, 95)]
    assert inner.sum() > 50
    difference = np.abs(
        clip.frames[0][rows[inner], columns[inner]].astype(int) - clip.frames[1][row[inner], column[inner]]
    )
    assert np.median(difference) <= 4
    assert np.percentile(difference, 90) <= 20


def test_no_pixel_is_left_empty(bike: Motorcycle) -> None:
    """Black pixels in a photo without black: even turned away and stepped back, every pixel has a colour."""
    photo = np.maximum(bike.photo, 60)
    bright = replace_photo(bike, photo)
    shot = arc(bright, 4, degrees=75, size=(96, 64))
    clip = draft(shot)
    assert clip.frames.min() >= 40


def test_a_camera_that_sees_nothing_still_gets_a_picture(bike: Motorcycle) -> None:
    shot = arc(bike, 1, degrees=0, size=(96, 64))
    away = np.eye(4)
    away[:3, :3] = np.diag([-1.0, 1.0, -1.0])
    t = replace(shot.trajectory, camera_to_world=away[None])
    shot = replace(shot, trajectory=t, preview=np.zeros_like(shot.preview))
    frame = draft(shot).frames[0]
    assert frame.min() > 0
    assert np.abs(frame.astype(int).mean(axis=(0, 1)) - bike.photo.mean(axis=(0, 1))).max() < 40


def test_unknown_depth_shows_the_photo_itself(bike: Motorcycle) -> None:
    """From the photo's own camera: where depth is unknown, the colour is not."""
    height, width = bike.depth.shape
    crop = np.s_[: height // 4 * 4, : width // 4 * 4]
    small = bike.photo[crop][::2, ::2]
    intrinsics = np.diag([0.5, 0.5, 1.0]) @ bike.intrinsics
    depth = np.ascontiguousarray(bike.depth[crop][::2, ::2])
    size = (small.shape[1], small.shape[0])
    photo = np.ascontiguousarray(small)
    shot = shot_of(photo, depth, intrinsics, Trajectory(np.eye(4)[None], intrinsics, *size))
    frame = draft(shot).frames[0]
    unknown = ~np.isfinite(depth)
    error = np.abs(frame.astype(int) - photo).max(axis=-1)
    assert unknown.mean() > 0.03
    assert (error[unknown] <= 24).mean() > 0.7


@pytest.mark.parametrize("border", [1, 12])
def test_a_border_without_depth(border: int) -> None:
    shot = two_planes()
    depth = shot.depth.copy()
    depth[:border], depth[-border:], depth[:, :border], depth[:, -border:] = np.nan, np.nan, np.nan, np.nan
    shot = shot_of(shot.photo, depth, shot.photo_intrinsics, shot.trajectory)
    clip = draft(shot)
    edge = clip.frames[0][0].astype(int)
    assert np.abs(edge - GREEN).max() <= 6


def test_a_portrait_photo_in_one_frame(bike: Motorcycle) -> None:
    photo, depth = (np.ascontiguousarray(np.rot90(a)) for a in (bike.photo, bike.depth))
    width = bike.photo.shape[1]
    k = intrinsics_matrix(
        bike.intrinsics[1, 1], bike.intrinsics[0, 0], bike.intrinsics[1, 2], width - bike.intrinsics[0, 2]
    )
    portrait = Motorcycle(photo, depth, depth, k)
    shot = arc(portrait, 1, degrees=8, size=(80, 120))
    clip = draft(shot)
    assert clip.frames.shape == (1, 120, 80, 3)
    kept = away_from_outlines(shot, pixels=3)
    assert kept.mean() > 0.05
    np.testing.assert_array_equal(clip.frames[kept], shot.preview[..., :3][kept])


def test_progress_never_goes_back_and_ends(bike: Motorcycle) -> None:
    reports: list[JobProgress] = []
    shot = arc(bike, 3, size=(96, 64))
    engines()["draft"]().generate(shot, reports.append)
    steps = [r.done for r in reports]
    assert all(later >= earlier for earlier, later in pairwise(steps))
    assert steps[-1] == reports[-1].total
    assert {r.total for r in reports} == {reports[0].total}
    assert reports[-1].preview is not None
    assert reports[-1].preview.shape == (64, 96, 3)


@pytest.mark.parametrize("at", [1, 4, 9])
def test_cancel_within_a_step(bike: Motorcycle, at: int) -> None:
    calls = 0

    def cancel(_: JobProgress) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Cancelled

    with pytest.raises(Cancelled):
        engines()["draft"]().generate(arc(bike, 3, size=(96, 64)), cancel)
    assert calls == at
