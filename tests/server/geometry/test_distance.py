"""Who is near a target, and which target is the nearest: pixel by pixel what SciPy's distance transform says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from blender_addon.core.arrays import Bool
from server.demo.motorcycle import Motorcycle
from server.geometry.distance import nearest, within
from tests.support.properties import examples

SIDES = st.integers(1, 40)
SHARES = st.sampled_from([0.0, 0.005, 0.05, 0.5, 0.95, 1.0])
SEEDS = st.integers(0, 2**32 - 1)


def random_map(height: int, width: int, share: float, seed: int, grain: int) -> Bool:
    """[height, width] bool, True in about a share of it, in squares of `grain` pixels."""
    coarse = np.random.default_rng(seed).random((height // grain + 1, width // grain + 1)) < share
    return coarse.repeat(grain, axis=0).repeat(grain, axis=1)[:height, :width]


def with_a_target(targets: Bool) -> Bool:
    """The same, or one target in the middle if there was none: SciPy's distances are undefined without any."""
    middle = targets.shape[0] // 2, targets.shape[1] // 2
    targets[middle] |= not targets.any()
    return targets


def agree_with_scipy(targets: Bool, asked: Bool) -> None:
    rows, columns = nearest(targets, asked)
    theirs = distance_transform_edt(~targets, return_distances=False, return_indices=True)
    np.testing.assert_array_equal(np.stack([rows, columns]), theirs[:, asked])


@examples(60)
@given(SIDES, SIDES, SHARES, SEEDS, st.integers(1, 6), st.integers(0, 60))
def test_who_is_near(height: int, width: int, share: float, seed: int, grain: int, distance: int) -> None:
    targets = with_a_target(random_map(height, width, share, seed, grain))
    np.testing.assert_array_equal(within(targets, distance), distance_transform_edt(~targets) <= distance)


def test_nobody_is_near_nothing() -> None:
    assert not within(np.zeros((6, 9), np.bool_), 100).any()


@examples(100)
@given(SIDES, SIDES, SHARES, SHARES, SEEDS, st.integers(1, 6))
@example(40, 40, 0.005, 1.0, 0, 1)
def test_the_nearest_target(height: int, width: int, share: float, asked: float, seed: int, grain: int) -> None:
    """Of equally near ones the same, too: grids and checks of targets are full of ties."""
    targets = with_a_target(random_map(height, width, share, seed, grain))
    agree_with_scipy(targets, random_map(height, width, asked, seed + 1, 1))


def test_the_nearest_of_regular_targets() -> None:
    """Every pixel between such targets has two or four that are equally near."""
    targets = np.zeros((33, 47), np.bool_)
    targets[::4, ::4] = True
    agree_with_scipy(targets, np.ones_like(targets))
    agree_with_scipy(targets.T, np.ones_like(targets.T))


def test_on_a_real_map(bike: Motorcycle) -> None:
    unknown = ~np.isfinite(bike.depth)
    agree_with_scipy(unknown, np.ones_like(unknown))
    theirs = distance_transform_edt(~unknown)
    for distance in (0, 2, 4, 6, 32):
        np.testing.assert_array_equal(within(unknown, distance), theirs <= distance)


def test_no_target_is_nearest_to_anything() -> None:
    with pytest.raises(ValueError, match="no pixel is a target"):
        nearest(np.zeros((3, 4), np.bool_), np.ones((3, 4), np.bool_))
