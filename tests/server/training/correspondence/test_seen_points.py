"""Where in the condition frame the points of a clip's cells lie, on scenes whose answer is a formula."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

import torch

from blender_addon.core.arrays import Float32, Float64
from blender_addon.core.camera.projection import intrinsics_from_fov
from server.training.correspondence.seen_points import seen_points
from server.training.data.crop import covering_crop

SIZE, CELL = (64, 32), 8
LENS = intrinsics_from_fov(*SIZE, np.radians(70))


def beside(metres: float, count: int = 2) -> Float64:
    """Camera-to-world of a first frame at the origin, and of others to the right of it."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[1:, 0, 3] = metres
    return poses


def seen(depth: Float32, poses: Float64, reference: int = 0) -> Float32:
    lenses = np.tile(LENS, (len(poses), 1, 1))
    return seen_points(depth, LENS, covering_crop(SIZE, SIZE), poses, lenses, reference, CELL).numpy()


def centres() -> Float64:
    x, y = np.meshgrid((np.arange(8) + 0.5) * CELL, (np.arange(4) + 0.5) * CELL)
    return np.stack([x, y], axis=-1)


def test_a_wall_seen_from_the_side_is_shifted_by_its_depth() -> None:
    found = seen(np.full((32, 64), 4.0, np.float32), beside(0.5))
    shift = LENS[0, 0] * 0.5 / 4.0
    np.testing.assert_allclose(found[0], centres(), atol=1.6)
    inside = centres()[..., 0] + shift < 63
    np.testing.assert_allclose(found[1][inside], (centres() + np.array([shift, 0]))[inside], atol=1.6)
    assert np.isnan(found[1][centres()[..., 0] + shift > 66]).all()


def test_what_is_in_front_hides_what_is_behind() -> None:
    """A post before a wall: from the side it covers another part of the wall, and leaves a hole where it stood."""
    depth = np.full((32, 64), 8.0, np.float32)
    depth[:, 24:40] = 2.0
    found = seen(depth, beside(0.3))[1, 1]
    near, far = LENS[0, 0] * 0.3 / 2.0, LENS[0, 0] * 0.3 / 8.0
    post = (found[:, 0] >= 24) & (found[:, 0] < 40)
    where = centres()[1, :, 0]
    np.testing.assert_allclose(found[post][:, 0] - where[post], near, atol=1.6)
    wall = np.isfinite(found[:, 0]) & ~post
    np.testing.assert_allclose(found[wall][:, 0] - where[wall], far, atol=1.6)
    assert post.any()
    assert wall.any()
    assert np.isnan(found[:-1]).any()


def test_the_condition_frame_may_be_any_and_unknown_depth_says_nothing() -> None:
    depth = np.full((32, 64), 4.0, np.float32)
    forwards, backwards = seen(depth, beside(0.5)), seen(depth, beside(0.5), reference=1)
    np.testing.assert_allclose(backwards[1], centres(), atol=1.6)
    middle = slice(2, 6)
    moved = (forwards[1] - centres())[:, middle, 0]
    np.testing.assert_allclose((backwards[0] - centres())[:, middle, 0], -moved, atol=1.6)
    depth[:, :32] = np.nan
    assert np.isnan(seen(depth, beside(0.0))[1, :, :4]).all()


def test_a_depth_smaller_than_its_frame_says_the_same() -> None:
    depth = np.full((32, 64), 8.0, np.float32)
    depth[:, 24:40] = 2.0
    np.testing.assert_array_equal(seen(depth[::2, ::2], beside(0.3)), seen(depth, beside(0.3)))


def test_a_frame_of_another_size_is_cropped_with_its_depth() -> None:
    size = (128, 96)
    lens, crop = intrinsics_from_fov(*size, np.radians(70)), covering_crop(size, SIZE)
    small = np.array([[lens[0, 0] / 2, 0, 32], [0, lens[1, 1] / 2, 16], [0, 0, 1.0]])
    poses = beside(0.0)
    found = seen_points(np.full((96, 128), 3.0, np.float32), lens, crop, poses, np.stack([small, small]), 0, CELL)
    torch.testing.assert_close(found[1].double(), torch.from_numpy(centres()), atol=0.8, rtol=0)
