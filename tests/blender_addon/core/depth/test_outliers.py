"""Statistical outliers, point for point as the published rule drops them, and the distances it judges by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from blender_addon.core.camera.projection import intrinsics_from_fov, intrinsics_matrix, unproject
from blender_addon.core.depth.cleaning.flying import flying_pixels
from blender_addon.core.depth.cleaning.nearest import mean_distances
from blender_addon.core.depth.cleaning.outliers import (
    NEIGHBOURS,
    NearestSearch,
    depth_outliers,
    outlier_threshold,
    window_search,
)
from blender_addon.core.depth.depth_format import DepthFormat
from server.demo.motorcycle import Motorcycle
from server.depth.estimate import kdtree_search
from server.depth.photo_files import read_depth
from tests.server.published.parity import ParityKit
from tests.support.properties import examples


def by_tree(points: np.ndarray, count: int = NEIGHBOURS) -> np.ndarray:
    """[N] mean distance of points [N, 3] to their nearest, by SciPy's search tree."""
    distance, _ = cKDTree(points).query(points, k=min(count, len(points)))
    return distance.reshape(len(points), -1).mean(axis=1)


def by_rule(points: np.ndarray) -> np.ndarray:
    """[N] which of points [N, 3] the published rule drops: groups of coincident ones too."""
    distance = by_tree(points)
    return ~((distance > 0) & (distance < outlier_threshold(distance)))


def assert_as_by_tree(depth: np.ndarray, lens: np.ndarray, count: int = NEIGHBOURS) -> None:
    known = np.isfinite(depth)
    found = mean_distances(depth, lens, count, np.ones(depth.shape, dtype=bool))
    assert np.isnan(found[~known]).all()
    if known.any():
        np.testing.assert_allclose(found[known], by_tree(unproject(depth, lens)[known], count), rtol=1e-4, atol=1e-6)
    half = np.arange(depth.size).reshape(depth.shape) % 2 == 0
    np.testing.assert_array_equal(mean_distances(depth, lens, count, half), np.where(half, found, np.nan))


def test_the_published_rule(kit: ParityKit) -> None:
    points = kit.arrays("scene_render")["outliers.points"]
    distance = by_tree(points)
    kit.check("scene_render", "outliers.mean_dist", distance)
    kit.check("scene_render", "outliers.threshold", [outlier_threshold(distance)])
    kit.check("scene_render", "outliers.keep", ~by_rule(points))


def assert_outliers_are_the_rules(depth: np.ndarray, lens: np.ndarray) -> None:
    """But for one in 200, at the threshold."""
    known = np.isfinite(depth)
    expected = by_rule(unproject(depth, lens)[known])
    assert expected.sum() > 500
    for search in (window_search, kdtree_search):
        found = depth_outliers(depth, lens, search)
        assert not found[~known].any()
        assert (found[known] != expected).sum() < 0.005 * expected.sum()


def test_a_stereo_cameras_outliers(bike: Motorcycle) -> None:
    depth = bike.depth.copy()
    depth[flying_pixels(depth, bike.intrinsics)] = np.nan
    assert_outliers_are_the_rules(depth, bike.intrinsics)


@pytest.mark.parametrize(
    ("file", "unit", "lens"),
    [
        ("arkit_promptda/arkit_depth.png", 0.001, intrinsics_from_fov(256, 192, np.radians(60))),
        ("kitti_metric3d/depth_*", 1 / 256, intrinsics_matrix(707.05, 707.05, 604.58, 181.0)),
    ],
)
def test_a_phones_and_a_cars_outliers(shared_data: Path, file: str, unit: float, lens: np.ndarray) -> None:
    depth = read_depth(next((shared_data / "rgbd").glob(file)), DepthFormat(scale=unit))
    assert_outliers_are_the_rules(depth, lens)


def test_distances_in_a_cars_sparse_lidar(shared_data: Path) -> None:
    depth = read_depth(next((shared_data / "rgbd/kitti_metric3d").glob("depth_*")), DepthFormat(scale=1 / 256))
    assert_as_by_tree(depth[150:, 300:700], intrinsics_matrix(707.05, 707.05, 304.58, 31.0))


@examples(60)
@given(
    seed=st.integers(0, 1000),
    share=st.sampled_from([0.02, 0.3, 1.0]),
    nearest=st.sampled_from([0.1, 3.9]),
    degrees=st.sampled_from([10, 120]),
    count=st.sampled_from([1, 2, 16]),
)
def test_distances_in_any_depth(seed: int, share: float, nearest: float, degrees: float, count: int) -> None:
    """Noise and holes, at a lens so wide that the border's rays are far from the axis, off its centre."""
    random = np.random.default_rng(seed)
    depth = random.uniform(nearest, 4.0, size=(23, 31)).astype(np.float32)
    depth[random.uniform(size=depth.shape) > share] = np.nan
    lens = intrinsics_from_fov(31, 23, np.radians(degrees))
    lens[:2, 2] += random.uniform(-8, 8, size=2)
    assert_as_by_tree(depth, lens, count)


@examples(40)
@given(
    seed=st.integers(0, 1000),
    holes=st.sampled_from([0.0, 0.1, 0.9]),
    spikes=st.sampled_from([0.002, 0.05]),
    search=st.sampled_from([window_search, kdtree_search]),
)
def test_outliers_of_any_depth_are_the_rules(seed: int, holes: float, spikes: float, search: NearestSearch) -> None:
    """Of a map so small that every point says how close it is: a rough slope with holes, and points off it."""
    random = np.random.default_rng(seed)
    depth = (2 + np.arange(40) / random.uniform(5, 50) + random.normal(0, 0.003, size=(30, 40))).astype(np.float32)
    depth[random.uniform(size=depth.shape) < holes] = np.nan
    depth[random.uniform(size=depth.shape) < spikes] *= np.float32(random.uniform(0.5, 2))
    lens = intrinsics_from_fov(40, 30, np.radians(random.uniform(20, 100)))
    known = np.isfinite(depth)
    distance = by_tree(unproject(depth, lens)[known])
    threshold = outlier_threshold(distance)
    clear = np.abs(distance / threshold - 1) > 1e-4
    np.testing.assert_array_equal(depth_outliers(depth, lens, search)[known][clear], (distance > threshold)[clear])


def test_few_points_are_no_outliers() -> None:
    depth = np.full((4, 4), np.nan, dtype=np.float32)
    lens = intrinsics_from_fov(4, 4, np.radians(50))
    assert not depth_outliers(depth, lens, kdtree_search).any()
    depth[:2] = np.random.default_rng(0).uniform(1, 9, size=(2, 4))
    assert not depth_outliers(depth, lens).any()
    assert not depth_outliers(depth, lens, kdtree_search).any()


@pytest.mark.parametrize(("distance", "threshold"), [([], np.inf), ([1.0], np.inf), ([1.0, 3.0], 2 + 3 * 2**0.5)])
def test_the_threshold_of_few(distance: list[float], threshold: float) -> None:
    assert outlier_threshold(np.array(distance)) == pytest.approx(threshold)
