"""What the photo sees, laid back over a clip: exact where it is seen, soft at its border, true in colour."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.arrays import Bool, UInt8
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.compositing.composite import Compositor
from server.compositing.feather import NARROW, broad_feather, feather, steepest
from server.compositing.outlines import Outlines
from server.demo.motorcycle import Motorcycle
from server.engines.keep_seen import laid_back
from tests.support.shots import rendered, truck

SIDES = st.integers(1, 60)
SEEDS = st.integers(0, 2**32 - 1)
LENS = np.array([[994.978, 0.0, 311.193], [0.0, 994.978, 254.877], [0.0, 0.0, 1.0]])


def flat_shot(preview: UInt8, metres: float = 2.0) -> Shot:
    """A wall straight ahead; the preview is given."""
    frames, height, width = preview.shape[:3]
    lens = np.array([[float(width), 0, width / 2], [0, float(width), height / 2], [0, 0, 1]])
    trajectory = Trajectory(np.repeat(np.eye(4)[None], frames, axis=0), lens, width, height)
    photo, depth = np.zeros((height, width, 3), np.uint8), np.full((height, width), metres, np.float32)
    return Shot(trajectory, preview, photo, lens, depth, ShotSettings(engine="realcam"))


def blobs(generator: np.random.Generator, shape: tuple[int, int, int]) -> Bool:
    """Round holes of any size in frames [F, H, W]; True where something is seen."""
    frames, height, width = shape
    y, x = np.mgrid[:height, :width]
    seen = np.ones(shape, np.bool_)
    for frame in range(frames):
        for _ in range(generator.integers(0, 5)):
            cx, cy, r = generator.random(3) * (width, height, max(width, height) / 3)
            seen[frame] &= (x - cx) ** 2 + (y - cy) ** 2 > r**2
    return seen


def random_shot(height: int, width: int, seed: int) -> tuple[Shot, UInt8, Bool]:
    """A shot of four frames with holes in its preview, a clip, and where the photo is seen."""
    generator = np.random.default_rng(seed)
    seen = blobs(generator, (4, height, width))
    preview = generator.integers(0, 256, (4, height, width, 4), dtype=np.uint8)
    preview[..., 3] = np.where(seen, 255, generator.integers(0, 253, seen.shape))
    return flat_shot(preview), generator.integers(0, 256, (4, height, width, 3), dtype=np.uint8), seen


def compose(frames: UInt8, shot: Shot, least_detail: float = 0.0) -> UInt8:
    return Compositor(frames, shot, least_detail).compose().frames


def far_from_holes(seen: Bool, pixels: int) -> Bool:
    """[H, W] where no pixel of the square window around is a hole."""
    padded = np.pad(seen, pixels, constant_values=True)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(windows.all(axis=(2, 3)), dtype=np.bool_)


@given(SIDES, SIDES, SEEDS)
def test_what_is_seen_is_the_previews_own_beyond_the_feather(height: int, width: int, seed: int) -> None:
    shot, clip, seen = random_shot(height, width, seed)
    result = compose(clip, shot)
    assert result.dtype == np.uint8
    for frame, picture, preview in zip(seen, result, shot.preview, strict=True):
        inner = far_from_holes(frame, broad_feather(width, height) + 1)
        assert np.abs(picture[inner].astype(int) - preview[inner, :3]).max(initial=0) <= 2


@given(SIDES, SIDES, SEEDS)
def test_no_seam_is_steeper_than_the_feather(height: int, width: int, seed: int) -> None:
    """Between neighbours a frame changes no more than preview and clip do, and the feather's slope between both."""
    shot, clip, seen = random_shot(height, width, seed)
    broad = broad_feather(width, height)
    nothing = compose(clip, replace(shot, preview=shot.preview * np.uint8([1, 1, 1, 0])))
    np.testing.assert_array_equal(nothing, clip)
    smooth = [np.round(128 + 100 * np.sin(np.arange(width) / 9 + k) * np.ones((height, 1))) for k in range(3)]
    shot.preview[..., :3] = np.stack(smooth, axis=-1)
    clip = np.broadcast_to(np.uint8(90), clip.shape)
    for index, picture in enumerate(compose(clip, shot).astype(float)):
        weight = feather(seen[index], None, broad)
        apart = np.abs(shot.preview[index, ..., :3].astype(float) - picture)
        own = np.abs(np.diff(shot.preview[index, ..., :3].astype(float), axis=1)).max(initial=0)
        allowed = own + steepest(broad) * 255 + 3
        assert np.abs(np.diff(picture, axis=1))[:, :, 0].max(initial=0) <= allowed
        assert apart[weight == 255].max(initial=0) <= 2


@given(SIDES, SIDES, SEEDS)
def test_weights_rise_from_every_hole_and_nowhere_else(height: int, width: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    seen = blobs(generator, (1, height, width))[0]
    weight = feather(seen, generator.random((height, width)) < 0.3, 6)
    assert not weight[~seen].any()
    if seen.any() and not seen.all():
        assert (weight[far_from_holes(seen, 7)] == 255).all()
        for axis in (0, 1):
            pair = np.minimum(*(np.take(seen, range(at, seen.shape[axis] - 1 + at), axis) for at in (0, 1)))
            steps = np.abs(np.diff(weight.astype(int), axis=axis))
            assert steps[pair].max(initial=0) <= steepest(NARROW) * 255 + 1


def test_a_speck_costs_no_more_than_a_speck() -> None:
    seen = np.ones((60, 80), np.bool_)
    seen[30, 40] = seen[:, 10] = False
    weight = feather(seen, None, 12)
    assert weight[30, 40 + NARROW + 1] == weight[20, 10 + NARROW + 1] == 255
    seen[20:40, 30:50] = False
    assert feather(seen, None, 12)[30, 50 + NARROW + 1] < 128


def test_a_frame_seen_whole_becomes_the_preview_and_one_not_seen_stays() -> None:
    shot, clip, _ = random_shot(37, 53, 1)
    shot.preview[..., 3] = 255
    np.testing.assert_array_equal(compose(clip, shot), shot.preview[..., :3])
    shot.preview[..., 3] = 0
    np.testing.assert_array_equal(compose(clip, shot), clip)


def test_without_depth_every_border_is_soft() -> None:
    shot, clip, seen = random_shot(60, 80, 2)
    unknown = replace(shot, depth=np.full((1, 1), np.nan, np.float32))
    np.testing.assert_array_equal(
        Compositor(clip, unknown, 0.5).compose().frames[seen == 0], compose(clip, shot)[seen == 0]
    )


def side_shot(bike: Motorcycle, metres: list[float]) -> Shot:
    trajectory = truck(metres, LENS, (741, 500))
    preview = rendered(bike.photo, bike.depth, LENS, trajectory)
    return Shot(trajectory, preview, bike.photo, LENS, bike.depth, ShotSettings(engine="realcam"))


@pytest.fixture(scope="module")
def from_beside(bike: Motorcycle) -> Shot:
    """The motorcycle from 25 cm to the right: holes left of nothing, right of what stands in front."""
    return side_shot(bike, [0.0, 0.25])


def test_outlines_are_crisp_and_surfaces_that_go_on_fade(from_beside: Shot) -> None:
    """Of the camera's move to the right, a hole opens right of everything that stands in front.

    At its left is the outline, at its right the wall that goes on behind.
    """
    seen = from_beside.preview[1, ..., 3] == 255
    weight = feather(seen, Outlines(from_beside).frame(1), broad_feather(741, 500))
    wide = ~seen[:, :-24] & ~np.lib.stride_tricks.sliding_window_view(seen, 25, axis=1).any(axis=2)
    left, right = [], []
    for row, column in zip(*np.nonzero(wide & np.roll(seen[:, :717], 1, axis=1)), strict=True):
        if 12 < column < 600 and seen[row, column - 12 : column].all():
            left.append(weight[row, column - 5])
        end = column + int(np.argmax(seen[row, column:]))
        if seen[row, end : end + 12].all():
            right.append(weight[row, end + 4])
    assert min(len(left), len(right)) > 50
    assert np.median(left) == 255
    assert np.median(right) < 100


def test_colours_are_the_previews_in_holes_too(bike: Motorcycle, from_beside: Shot) -> None:
    """A clip that shows the truth with weaker contrast and a red cast gets its colours back, also in the holes."""
    truth = np.broadcast_to(bike.photo, (2, *bike.photo.shape))
    preview = np.dstack([bike.photo, np.where(from_beside.preview[1, ..., 3] == 255, 255, 0)]).astype(np.uint8)
    shot = replace(from_beside, preview=np.stack([preview] * 2))
    drifted = np.clip(truth * 0.8 + [30, 12, 5], 0, 255).astype(np.uint8)
    composite = Compositor(drifted, shot, 0.0).compose()
    hole = preview[..., 3] == 0
    before, after = (
        np.abs(clip[0][hole].astype(float) - truth[0][hole]).mean() for clip in (drifted, composite.frames)
    )
    assert before > 10
    assert after < 3
    assert composite.drift is not None
    assert composite.drift.difference == pytest.approx(
        np.abs(drifted[0].astype(float) - truth[0])[~hole].mean(), abs=0.01
    )


def test_colours_do_not_flicker() -> None:
    """A clip whose colours jump from frame to frame is moved by nearly the same in each."""
    generator = np.random.default_rng(4)
    preview = np.full((24, 64, 96, 4), 255, np.uint8)
    preview[..., :3] = generator.integers(60, 200, (64, 96, 3), dtype=np.uint8)
    preview[:, :, 60:, 3] = 0
    jumps = generator.normal(0, 12, (24, 1, 1, 1))
    clip = np.clip(preview[..., :3] - 20.0 + jumps, 0, 255).astype(np.uint8)
    moved = (compose(clip, flat_shot(preview)).astype(float) - clip)[:, :, 70:].mean(axis=(1, 2, 3))
    assert moved.mean() == pytest.approx(20, abs=6)
    assert np.abs(np.diff(moved)).max() < 0.25 * np.abs(np.diff(jumps.ravel())).max()


def test_a_magnified_photo_gives_its_colours_and_leaves_the_clips_detail() -> None:
    """From 25 cm before a wall of 2 m that was taken from 2 m, a pixel of the photo covers eight of the clip's."""
    preview = np.full((2, 96, 128, 4), 255, np.uint8)
    preview[..., :3] = (180, 120, 60)
    shot = flat_shot(preview)
    poses = shot.trajectory.camera_to_world.copy()
    poses[:, 2, 3] = 1.75
    shot = replace(shot, trajectory=replace(shot.trajectory, camera_to_world=poses))
    texture = np.random.default_rng(5).integers(-30, 31, (96, 128, 1))
    clip = np.broadcast_to((np.array([120, 130, 140]) + texture).astype(np.uint8), (2, 96, 128, 3))
    kept = partial(compose, np.ascontiguousarray(clip), shot)
    np.testing.assert_array_equal(kept(0.0), preview[..., :3])
    np.testing.assert_array_equal(kept(0.1), preview[..., :3])
    soft = kept(0.5).astype(float)
    np.testing.assert_allclose(soft.mean(axis=(1, 2)), np.broadcast_to((180, 120, 60), (2, 3)), atol=2)
    assert soft[..., 1].std() > 0.6 * clip[..., 1].std()


def test_a_last_image_stays_and_the_photo_gives_way_to_it() -> None:
    shot, clip, _ = random_shot(48, 64, 6)
    shot.preview[..., 3] = 255
    frames = np.tile(clip, (5, 1, 1, 1))
    long = replace(
        shot,
        preview=np.tile(shot.preview, (5, 1, 1, 1)),
        trajectory=Trajectory(np.repeat(np.eye(4)[None], 20, axis=0), shot.trajectory.intrinsics[0], 64, 48),
        last_image=clip[0],
    )
    result = laid_back(frames, long, 0.0)
    np.testing.assert_array_equal(result.frames[-1], frames[-1])
    np.testing.assert_array_equal(result.frames[:14], long.preview[:14, ..., :3])
    assert result.drift is not None
    assert [value is None for value in result.drift.frames] == [False] * 14 + [True] * 6
    assert (result.frames[16] != long.preview[16, ..., :3]).any()


def test_the_drift_is_said_in_one_sentence() -> None:
    preview = np.full((3, 16, 16, 4), 255, np.uint8)
    preview[..., :3] = 100
    preview[2, ..., 3] = 0
    clip = np.full((3, 16, 16, 3), 100, np.uint8)
    clip[0], clip[1] = 110, 102
    result = laid_back(clip, flat_shot(preview), 0.5)
    assert result.drift is not None
    assert result.drift.frames == [10.0, 2.0, None]
    assert result.drift.difference == 6.0
    assert result.notes == (
        "What the photo sees was laid back over the clip, which had drifted from it by 6.0 of 255 on average "
        "(31.0 dB), most in frame 1 of 3, by 10.0.",
    )
    preview[..., 3] = 0
    assert laid_back(clip, flat_shot(preview), 0.5).notes == ()


def test_a_cancel_passes_through() -> None:
    shot, clip, _ = random_shot(20, 30, 7)

    def cancelled() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        laid_back(clip, shot, 0.5, cancelled)
