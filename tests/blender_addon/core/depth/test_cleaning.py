"""Cleaning that keeps truth, on the motorcycle's structured-light depth, a phone's LiDAR and a street with a sky."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, zoom

from blender_addon.core.camera.projection import intrinsics_from_fov, intrinsics_matrix, unproject
from blender_addon.core.depth.cleaning.clean import FLYING, MOVED, OUTLIER, SKY, UNTOUCHED, Cleaning, clean_depth
from blender_addon.core.depth.cleaning.edges import refine_edges
from blender_addon.core.depth.cleaning.flying import flying_pixels, view_angles
from blender_addon.core.depth.cleaning.sky import find_sky, sky_shell, spread_within
from blender_addon.core.depth.cleaning.upsample import guided_upsample, shrunk
from blender_addon.core.depth.cleaning.windows import weighted_median
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.errors import PhotoError
from server.demo.motorcycle import Motorcycle
from server.depth.photo_files import read_depth, read_photo
from tests.support.properties import examples

WRONG = 0.05
"""Relative error of depth that puts a pixel off its surface."""


def share_wrong(depth: np.ndarray, truth: np.ndarray) -> float:
    both = np.isfinite(depth) & np.isfinite(truth)
    return float((np.abs(depth[both] / truth[both] - 1) > WRONG).mean())


@pytest.fixture(scope="module")
def blurred(bike: Motorcycle) -> np.ndarray:
    """The bike's depth as a network that blurs would give it: every edge a ramp between two surfaces."""
    known = np.isfinite(bike.depth)
    weight = gaussian_filter(known.astype(float), 2)
    depth = gaussian_filter(np.where(known, bike.depth, 0.0), 2) / np.maximum(weight, 1e-6)
    return np.where(known, depth, np.nan).astype(np.float32)


def test_flying_pixels_are_caught(bike: Motorcycle, blurred: np.ndarray) -> None:
    known = np.isfinite(bike.depth)
    wrong = known & (np.abs(blurred / bike.depth - 1) > WRONG)
    flying = flying_pixels(blurred, bike.intrinsics)
    assert wrong.mean() > 0.03
    assert flying[wrong].mean() > 0.9
    assert flying[known & ~wrong].mean() < 0.08


def test_true_surfaces_are_left_alone(bike: Motorcycle) -> None:
    assert flying_pixels(bike.depth, bike.intrinsics).mean() < 0.01


def test_a_floor_seen_at_a_grazing_angle_stays() -> None:
    """A floor 1 m below the camera, down to 87 degrees from its normal, and a box that stands on it."""
    lens = intrinsics_from_fov(160, 120, np.radians(60))
    y = (np.arange(120) + 0.5 - 60) / lens[1, 1]
    with np.errstate(divide="ignore"):
        depth = np.where(y > 0.05, 1.0 / y, np.nan)[:, None].repeat(160, 1).astype(np.float32)
    depth[40:90, 60:100] = 1.6
    flying = flying_pixels(depth, lens)
    assert np.degrees(np.nanmax(view_angles(depth, lens, np.arange(depth.size)))) > 86
    assert not flying[66:, :50].any()
    assert flying.mean() < 0.005


def test_a_thin_line_stays() -> None:
    depth = np.full((40, 40), 4.0, np.float32)
    depth[:, 20] = 2.0
    lens = intrinsics_from_fov(40, 40, np.radians(50))
    assert not flying_pixels(depth, lens).any()
    depth[15, 10] = 3.0
    assert np.argwhere(flying_pixels(depth, lens)).tolist() == [[15, 10]]


def test_edges_go_where_the_photo_has_them() -> None:
    """A step that depth has two pixels beside the photo's."""
    photo = np.full((40, 60, 3), 60, np.uint8)
    photo[:, 30:] = 200
    depth = np.where(np.arange(60) < 32, 2.0, 4.0)[None].repeat(40, 0).astype(np.float32)
    refined = refine_edges(depth, photo)
    assert (refined[:, :30] == 2.0).all()
    assert (refined[:, 30:] == 4.0).all()


def test_refining_makes_a_blurred_depth_truer(bike: Motorcycle, blurred: np.ndarray) -> None:
    refined = refine_edges(blurred, bike.photo)
    assert share_wrong(refined, bike.depth) < 0.85 * share_wrong(blurred, bike.depth)
    assert np.array_equal(np.isnan(refined), np.isnan(blurred))


@examples(30)
@given(st.integers(0, 1000))
def test_a_weighted_median_is_one_of_the_values(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.uniform(0.1, 50.0, size=(20, 9)).astype(np.float32)
    weights = (random.uniform(size=(20, 9)) * (random.uniform(size=(20, 9)) > 0.3)).astype(np.float32)
    weights[:, 0] += 0.01
    found = weighted_median(values, weights)
    for value, row, weight in zip(found, values, weights, strict=True):
        at = np.flatnonzero(row == value)[0]
        assert weight[at] > 0
        assert weight[row < value].sum() <= weight.sum() / 2 + 1e-6
        assert weight[row > value].sum() <= weight.sum() / 2 + 1e-6


def test_the_whole_cleaning_keeps_the_truth(bike: Motorcycle, blurred: np.ndarray) -> None:
    cleaned = clean_depth(blurred, bike.photo, bike.intrinsics)
    assert share_wrong(cleaned.depth, bike.depth) < 0.15 * share_wrong(blurred, bike.depth)
    assert np.isfinite(cleaned.depth).sum() > 0.92 * np.isfinite(blurred).sum()
    assert np.isnan(cleaned.depth[cleaned.mask(FLYING | OUTLIER)]).all()
    assert not cleaned.mask(SKY).any()
    assert cleaned.before is blurred


def test_every_step_can_be_left_out(bike: Motorcycle) -> None:
    for step, bit in (("edges", MOVED), ("flying", FLYING), ("outliers", OUTLIER)):
        alone = replace(UNTOUCHED, **{step: getattr(Cleaning(), step)})
        cleaned = clean_depth(bike.depth, bike.photo, bike.intrinsics, alone)
        assert cleaned.cleaning_flags.any()
        assert not (cleaned.cleaning_flags & ~np.uint8(bit)).any()
    untouched = clean_depth(bike.depth, bike.photo, bike.intrinsics, UNTOUCHED)
    assert np.array_equal(untouched.depth, bike.depth, equal_nan=True)
    with pytest.raises(PhotoError, match="not of the photo's size"):
        clean_depth(bike.depth[::2], bike.photo, bike.intrinsics)


def test_depth_of_lower_resolution_keeps_the_photos_edges(bike: Motorcycle) -> None:
    """One depth pixel for 8 x 8 of the photo, and back: nearer the truth than blocks, and than interpolation."""
    truth, photo = bike.depth[:496, :736], bike.photo[:496, :736]
    small = truth[4::8, 4::8]
    known = np.isfinite(small).astype(float)
    up = guided_upsample(small, photo)
    assert up.shape == truth.shape
    blocks = np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)
    weight = zoom(known, 8, order=1, grid_mode=True, mode="nearest")
    interpolated = zoom(np.nan_to_num(small), 8, order=1, grid_mode=True, mode="nearest") / np.maximum(weight, 1e-6)
    fair = np.where(np.isfinite(blocks), truth, np.nan)
    assert share_wrong(up, fair) < 0.8 * share_wrong(blocks, fair)
    assert share_wrong(up, fair) < 0.5 * share_wrong(interpolated, fair)


def test_a_phones_lidar_takes_the_photos_size(shared_data: Path) -> None:
    folder = shared_data / "rgbd/arkit_promptda"
    photo = read_photo(folder / "image.jpg").pixels[::3, ::3]
    depth = read_depth(folder / "arkit_depth.png", DepthFormat(scale=0.001))
    up = guided_upsample(depth, photo)
    assert up.shape == photo.shape[:2]
    assert np.nanmin(up) >= np.nanmin(depth) - 1e-5
    assert np.nanmax(up) <= np.nanmax(depth) + 1e-5
    # Averaged back it is the sensor's own depth.
    back = up[:480, :640].reshape(96, 5, 128, 5).mean(axis=(1, 3))
    assert np.median(np.abs(back / depth.reshape(96, 2, 128, 2).mean(axis=(1, 3)) - 1)) < 0.005


def test_depth_of_another_aspect_is_refused(bike: Motorcycle) -> None:
    with pytest.raises(PhotoError, match="photo 741 x 500, depth 64 x 64"):
        guided_upsample(np.ones((64, 64), np.float32), bike.photo)


def test_the_sky_over_a_street(shared_data: Path) -> None:
    folder = shared_data / "rgbd/kitti_metric3d"
    photo = read_photo(next(folder.glob("rgb_*"))).pixels
    depth = read_depth(next(folder.glob("depth_*")), DepthFormat(scale=1 / 256))
    sky = find_sky(photo, depth, None)
    assert sky[5, 450:700].mean() > 0.9
    assert not sky[160:].any()
    assert not np.isfinite(depth[sky]).any()


def test_no_sky_indoors(bike: Motorcycle) -> None:
    assert not find_sky(bike.photo, np.nan_to_num(bike.depth, nan=2.0), 20.0).any()


def test_a_cars_sparse_lidar_keeps_its_road(shared_data: Path) -> None:
    """19 % of the pixels known, in lines: the road is neither dropped nor moved."""
    folder = shared_data / "rgbd/kitti_metric3d"
    photo = read_photo(next(folder.glob("rgb_*"))).pixels
    depth = read_depth(next(folder.glob("depth_*")), DepthFormat(scale=1 / 256))
    cleaned = clean_depth(depth, photo, intrinsics_matrix(707.05, 707.05, 604.58, 181.0))
    road = np.isfinite(depth[230:, 300:680])
    assert cleaned.mask(FLYING | OUTLIER)[230:, 300:680][road].mean() < 0.01
    assert cleaned.mask(MOVED)[230:, 300:680][road].mean() < 0.02


def test_what_is_joined_to_the_seed() -> None:
    mask = np.array([[1, 1, 0, 1], [0, 1, 0, 1], [1, 1, 0, 0], [1, 0, 1, 1]], bool)
    seed = np.zeros_like(mask)
    seed[0, 0] = True
    assert np.array_equal(spread_within(seed, mask), mask & (np.arange(4) < 2))


def test_a_smaller_picture_is_the_mean_of_its_pixels(bike: Motorcycle) -> None:
    expected = bike.photo[:, :740].reshape(250, 2, 185, 4, 3).mean(axis=(1, 3))
    assert np.abs(shrunk(bike.photo[:, :740], (185, 250)) - expected).max() <= 1
    assert shrunk(bike.photo, (173, 117)).shape == (117, 173, 3)
    assert shrunk(bike.photo, (741, 500)) is bike.photo


def test_the_sky_lies_on_a_sphere() -> None:
    lens = intrinsics_from_fov(64, 48, np.radians(80))
    sky = np.zeros((48, 64), bool)
    sky[:20] = True
    depth = sky_shell(np.full((48, 64), 3.0, np.float32), sky, lens, 100.0)
    assert (depth[20:] == 3.0).all()
    distance = np.linalg.norm(unproject(depth, lens), axis=-1)
    assert distance[:20] == pytest.approx(100.0, rel=1e-5)
