"""Votes, frame scales and the clip's scale: to parity with the published rule, and refused when they disagree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.projection import intrinsics_matrix
from server.datasets.align_collection import kept_clips
from server.reconstruction.scale import DepthMap, agreed_scale, clip_scale, depth_along, depth_at, median_scale
from server.reconstruction.sparse import SparseModel
from tests.server.published.parity import ParityKit


def seen_once(camera_to_world: np.ndarray, points: np.ndarray, pixel: np.ndarray) -> SparseModel:
    count = len(points)
    return SparseModel(camera_to_world, points, np.zeros(count, int), np.arange(count), pixel, 0.0)


def test_the_published_depth_scale(kit: ParityKit) -> None:
    golden = {
        name.removeprefix("depth_scale."): value
        for name, value in kit.arrays("metrics").items()
        if name.startswith("depth_scale.")
    }
    camera_to_world = np.linalg.inv(golden["w2c_frame0"])[None]
    model = seen_once(camera_to_world, golden["points_xyz_world"], golden["uv_frame0"])
    kit.check("metrics", "depth_scale.z_cam", model.depths())
    kit.check("metrics", "depth_scale.scale", median_scale(golden["sampled_depths"], model.depths()))


def test_depth_is_looked_up_by_truncation_as_published(kit: ParityKit) -> None:
    """The kit keeps a corner of its depth map only, so the indices are compared with the published formula's."""
    golden = kit.arrays("metrics")
    width, height = (int(n) for n in golden["depth_scale.image_WH"])
    rows, columns = (int(n) for n in golden["depth_scale.depth_HW"])
    numbered = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    uv = golden["depth_scale.uv_frame0"]
    expected = [int(v / height * rows) * columns + int(u / width * columns) for u, v in uv]
    assert depth_at(numbered, uv, width, height).astype(int).tolist() == expected


def test_nothing_is_read_outside_the_depth_map() -> None:
    depth = np.ones((4, 6), np.float32)
    pixel = np.array([[-1.0, 2.0], [59.9, 39.9], [60.0, 5.0], [5.0, 40.0]])
    assert np.isfinite(depth_at(depth, pixel, 60, 40)).tolist() == [False, True, False, False]


def test_a_depth_camera_with_its_own_lens_is_asked_along_the_ray() -> None:
    """Depth filmed with twice the focal length at the same place: a point 30 px from the centre lies 60 px from it."""
    depth = np.zeros((200, 200), np.float32)
    depth[100, 160] = 3.0
    other = DepthMap(depth, intrinsics_matrix(200, 200, 100.5, 100.5))
    pixel, lens = np.array([[130.5, 100.5]]), intrinsics_matrix(100, 100, 100.5, 100.5)
    assert depth_along(other, pixel, lens, 201, 201).tolist() == [3.0]


@given(st.floats(0.01, 100.0), st.integers(0, 100))
def test_the_scale_of_noisy_votes_is_recovered(scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    votes = [scale * random.lognormal(0.0, 0.03, 200) for _ in range(8)]
    found = agreed_scale(votes)
    assert found.refusal == ""
    assert found.scale == pytest.approx(scale, rel=0.02)
    assert found.inliers == found.votes == 1600


def test_frames_that_disagree_are_refused() -> None:
    found = agreed_scale([np.full(50, 1.0 + 0.3 * i) for i in range(10)])
    assert "frames disagree" in found.refusal
    assert "15% allowed" in found.refusal


def test_points_that_disagree_are_refused() -> None:
    found = agreed_scale([np.array([1.0] * 12 + [0.2] * 20 + [7.0] * 20) for _ in range(6)])
    assert "points disagree: 72 of 312" in found.refusal


def test_too_few_points_are_refused() -> None:
    found = agreed_scale([np.ones(5)] * 10 + [np.ones(50)])
    assert "Only 1 of 11 frames" in found.refusal
    assert np.isfinite(found.frame_scales).sum() == 1


def test_a_clip_without_depth_has_no_scale() -> None:
    model = seen_once(np.eye(4)[None], np.array([[0.0, 0.0, 2.0]]), np.array([[5.0, 5.0]]))
    found = clip_scale(model, np.eye(3)[None], (10, 10), lambda frame: None)
    assert found.refusal
    assert np.isnan(found.scale)


def test_the_collection_filter_drops_two_percent_at_each_end() -> None:
    smallest = np.linspace(1.0, 2.0, 200)
    largest = np.roll(np.linspace(2.0, 3.0, 200), 50)
    kept = kept_clips(largest, smallest)
    assert kept.sum() == 200 - 16
    assert not kept[:4].any()
    assert not kept[-4:].any()
    assert not kept[50:54].any()
    assert not kept[46:50].any()


def test_a_small_collection_loses_nothing() -> None:
    assert kept_clips(np.arange(49.0), np.arange(49.0)).all()
