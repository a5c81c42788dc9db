"""Poses on SE(3): against scipy, and on real RealEstate10K clips with held-out frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation, Slerp

from blender_addon.core.camera.formats import read_trajectory
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.rotation import (
    quaternion_from_rotation,
    rotation_exp,
    rotation_from_quaternion,
    rotation_log,
)
from blender_addon.core.camera.trajectory import Trajectory, check_intrinsics, interpolate_poses, inverse
from blender_addon.core.errors import CameraError

K = intrinsics_matrix(500, 500, 320, 180)
seeds = st.integers(0, 2**31)


def random_poses(seed: int, count: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = Rotation.random(count, random_state=seed).as_matrix()
    poses[:, :3, 3] = random.normal(0, 3, (count, 3))
    return poses


def trajectory(seed: int, count: int = 5) -> Trajectory:
    return Trajectory(random_poses(seed, count), K, 640, 360, 24)


@example(0, [0.0, 5e-324])  # so close that no rate keeps their duration
@example(0, [4.0, 0.0])
@given(seeds, st.lists(st.floats(0, 4), min_size=1, max_size=8))
def test_interpolation_is_scipys_slerp(seed: int, frames: list[float]) -> None:
    path = trajectory(seed)
    between = path.at(frames)
    slerp = Slerp(np.arange(5), Rotation.from_matrix(path.camera_to_world[:, :3, :3]))
    np.testing.assert_allclose(between.camera_to_world[:, :3, :3], slerp(frames).as_matrix(), atol=1e-7)
    for axis in range(3):
        expected = np.interp(frames, np.arange(5), path.centres[:, axis])
        np.testing.assert_allclose(between.centres[:, axis], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("frames", "fps"),
    [
        ([0.0, 4.0], 6.0),
        ([0.0, 1.0, 2.0], 24.0),
        ([0.0, 0.5, 1.0], 48.0),
        ([3.0], 24.0),
        ([2.0, 2.0], 24.0),
        ([4.0, 0.0], 24.0),
        ([0.0, 5e-324], 24.0),
    ],
)
def test_the_frame_rate_keeps_a_duration_that_there_is(frames: list[float], fps: float) -> None:
    assert trajectory(0).at(frames).fps == fps


vectors = arrays(np.float64, (3, 3), elements=st.floats(-3, 3))


@given(vectors)
def test_exp_and_log_are_scipys(vector: np.ndarray) -> None:
    np.testing.assert_allclose(rotation_exp(vector), Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)
    back = Rotation.from_rotvec(rotation_log(rotation_exp(vector)))
    assert (back * Rotation.from_rotvec(vector).inv()).magnitude().max() < 1e-9


@given(arrays(np.float64, (4, 3), elements=st.floats(-1, 1)), st.floats(-1e-6, 1e-6))
def test_log_near_half_turns(axis: np.ndarray, off: float) -> None:
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    assume(length.min() > 1e-3)
    vector = axis / length * (np.pi + off)
    rotation = Rotation.from_rotvec(vector).as_matrix()
    log = rotation_log(rotation)
    assert np.linalg.norm(log, axis=1).max() <= np.pi + 1e-9
    np.testing.assert_allclose(Rotation.from_rotvec(log).as_matrix(), rotation, atol=1e-9)


@given(arrays(np.float64, (3, 3), elements=st.floats(-1e-7, 1e-7)))
def test_log_of_tiny_turns(vector: np.ndarray) -> None:
    np.testing.assert_allclose(rotation_log(rotation_exp(vector)), vector, atol=1e-15)


@given(seeds)
def test_quaternions_are_scipys(seed: int) -> None:
    rotation = random_poses(seed, 6)[:, :3, :3]
    theirs = Rotation.from_matrix(rotation).as_quat(canonical=True)[:, [3, 0, 1, 2]]
    np.testing.assert_allclose(quaternion_from_rotation(rotation), theirs, atol=1e-9)
    np.testing.assert_allclose(rotation_from_quaternion(3 * theirs), rotation, atol=1e-12)


@given(seeds)
def test_inverse(seed: int) -> None:
    poses = random_poses(seed, 4)
    np.testing.assert_allclose(inverse(poses) @ poses, np.broadcast_to(np.eye(4), (4, 4, 4)), atol=1e-12)
    np.testing.assert_allclose(trajectory(seed).world_to_camera, np.linalg.inv(random_poses(seed, 5)), atol=1e-9)


@given(seeds, seeds)
def test_relative_to_any_camera(seed: int, other: int) -> None:
    path, reference = trajectory(seed), random_poses(other, 1)[0]
    seen = path.relative_to(reference)
    np.testing.assert_allclose(reference @ seen.camera_to_world, path.camera_to_world, atol=1e-9)
    first = path.relative_to(path.camera_to_world[0])
    np.testing.assert_allclose(first.camera_to_world[0], np.eye(4), atol=1e-12)
    back = seen.relative_to(inverse(reference))
    np.testing.assert_allclose(back.camera_to_world, path.camera_to_world, atol=1e-9)


@given(seeds, st.floats(1e-3, 1e3))
def test_rescale_scales_distances_only(seed: int, factor: float) -> None:
    path = trajectory(seed)
    scaled = path.rescale(factor)
    np.testing.assert_allclose(scaled.centres, path.centres * factor)
    np.testing.assert_allclose(scaled.camera_to_world[:, :3, :3], path.camera_to_world[:, :3, :3], atol=1e-12)
    np.testing.assert_allclose(scaled.rescale(1 / factor).centres, path.centres, atol=1e-9)


@given(seeds, st.integers(2, 40), st.integers(2, 9))
def test_resample_keeps_ends_and_duration(seed: int, count: int, frames: int) -> None:
    path = trajectory(seed, frames)
    again = path.resample(count)
    assert len(again) == count
    np.testing.assert_allclose(again.camera_to_world[[0, -1]], path.camera_to_world[[0, -1]], atol=1e-7)
    assert (count - 1) / again.fps == pytest.approx((frames - 1) / path.fps)


def test_resample_of_one_frame() -> None:
    still = trajectory(1, 1).resample(4)
    np.testing.assert_allclose(still.camera_to_world, np.repeat(trajectory(1, 1).camera_to_world, 4, axis=0))
    assert still.fps == 24
    assert len(trajectory(1).resample(1)) == 1


def test_focal_length_is_interpolated() -> None:
    zoom = Trajectory(np.tile(np.eye(4), (2, 1, 1)), np.stack([K, intrinsics_matrix(1000, 1000, 300, 200)]), 640, 360)
    np.testing.assert_allclose(zoom.at([0.25]).intrinsics[0], intrinsics_matrix(625, 625, 315, 185))


def test_resized_scales_each_axis() -> None:
    half = trajectory(0).resized(320, 360)
    np.testing.assert_allclose(half.intrinsics[0], intrinsics_matrix(250, 500, 160, 180))


def test_real_rounding_is_mended() -> None:
    """Real datasets are orthonormal to 1e-4 only."""
    poses = random_poses(3, 6)
    rough = poses.copy()
    rough[:, :3, :3] += np.random.default_rng(0).uniform(-1e-4, 1e-4, (6, 3, 3))
    mended = Trajectory(rough, K, 640, 360).camera_to_world
    np.testing.assert_allclose(
        mended[:, :3, :3] @ np.swapaxes(mended[:, :3, :3], 1, 2), np.eye(3)[None] + 0 * mended[:, :3, :3], atol=1e-12
    )
    np.testing.assert_allclose(mended, poses, atol=2e-4)


def test_a_trajectory_cannot_be_changed() -> None:
    poses = random_poses(0, 2)
    path = Trajectory(poses, K, 640, 360)
    poses[0, 0, 3] = 99
    assert path.centres[0, 0] != 99
    with pytest.raises(ValueError, match="read-only"):
        path.camera_to_world[0, 0, 3] = 1


def broken(row: int, column: int, value: float) -> np.ndarray:
    poses = random_poses(0, 3)
    poses[1, row, column] = value
    return poses


MIRROR = np.diag([1.0, 1.0, -1.0, 1.0])


@pytest.mark.parametrize(
    ("poses", "message"),
    [
        (np.eye(4), r"expected \[F, 4, 4\]"),
        (np.empty((0, 4, 4)), "wrong shape"),
        (broken(0, 3, np.nan), r"not a number: frames \[1\]"),
        (broken(3, 0, 1.0), "last row"),
        (random_poses(0, 2) * [[[2.0]], [[1.0]]], "not a rigid motion"),
        (random_poses(0, 2) @ MIRROR, "mirrored"),
        (random_poses(0, 2) @ np.diag([1.0, 1.01, 1.0, 1.0]), "differs from a rotation by 0.01"),
    ],
)
def test_what_is_no_rigid_motion_is_refused(poses: np.ndarray, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        Trajectory(poses, K, 640, 360)


@pytest.mark.parametrize(
    ("intrinsics", "message"),
    [
        (np.eye(4), r"expected \[2, 3, 3\]"),
        (np.repeat(K[None], 3, axis=0), r"expected \[2, 3, 3\]"),
        (K * np.nan, "not numbers"),
        (intrinsics_matrix(0, 500, 1, 1), "not positive"),
        (intrinsics_matrix(500, -1, 1, 1), "not positive"),
        (2 * K, "not a pinhole"),
        (K.T, "not a pinhole"),
    ],
)
def test_what_is_no_pinhole_is_refused(intrinsics: np.ndarray, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        Trajectory(random_poses(0, 2), intrinsics, 640, 360)


def test_other_nonsense_is_refused() -> None:
    poses = random_poses(0, 2)
    with pytest.raises(CameraError, match="no area"):
        Trajectory(poses, K, 0, 360)
    with pytest.raises(CameraError, match="frame rate"):
        Trajectory(poses, K, 640, 360, float("nan"))
    with pytest.raises(CameraError, match="scale is not"):
        trajectory(0).rescale(-1)
    with pytest.raises(CameraError, match="at least one frame"):
        trajectory(0).resample(0)
    with pytest.raises(CameraError, match="interpolate at"):
        trajectory(0).at([float("nan")])
    with pytest.raises(CameraError, match="rigid"):
        trajectory(0).relative_to(np.diag([2.0, 2.0, 2.0, 1.0]))


@pytest.mark.parametrize("other", ["", "_svd"])
def test_held_out_frames_of_real_clips(shared_data: Path, other: str) -> None:
    """Interpolate a clip's 25 frames at the timestamps of its other files: as exact as the frames' own noise."""
    centre_errors, angle_errors = [], []
    for keys_file in sorted((shared_data / "re10k" / "cameractrl").glob("*_svdxt.txt")):
        keys = read_trajectory(keys_file, 640, 360)
        held_out = read_trajectory(str(keys_file).replace("_svdxt", other), 640, 360)
        assert keys.timestamps is not None
        assert held_out.timestamps is not None
        inside = (held_out.timestamps >= keys.timestamps[0]) & (held_out.timestamps <= keys.timestamps[-1])
        where = np.interp(held_out.timestamps[inside], keys.timestamps, np.arange(len(keys.timestamps)))
        guess = keys.trajectory.at(where)
        truth = held_out.trajectory.camera_to_world[inside]
        centre_errors.append(np.linalg.norm(guess.centres - truth[:, :3, 3], axis=1))
        turn = np.swapaxes(guess.camera_to_world[:, :3, :3], 1, 2) @ truth[:, :3, :3]
        angle_errors.append(np.degrees(np.linalg.norm(rotation_log(turn), axis=1)))
    assert len(centre_errors) == 5
    # Measured by the data's README: medians 0.0003 to 0.0017 and 0.01 to 0.04 degrees, largest 0.008 and 0.16.
    assert max(np.median(e) for e in centre_errors) < 0.002
    assert max(np.median(e) for e in angle_errors) < 0.05
    assert np.concatenate(centre_errors).max() < 0.009
    assert np.concatenate(angle_errors).max() < 0.17


@given(seeds)
def test_interpolation_ends_at_its_ends(seed: int) -> None:
    poses = random_poses(seed, 4)
    a, b = poses[:2], poses[2:]
    np.testing.assert_allclose(interpolate_poses(a, b, np.zeros(2)), a, atol=1e-12)
    np.testing.assert_allclose(interpolate_poses(a, b, np.ones(2)), b, atol=1e-7)


def test_a_camera_too_far_away_and_a_lens_of_another_form_are_refused() -> None:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[1, 0, 3] = 1e300
    with pytest.raises(CameraError, match="too far away to compute with: frame 1"):
        Trajectory(poses, np.eye(3) * [[500], [500], [1]], 64, 48)
    with pytest.raises(CameraError, match=r"wrong shape: expected \[F, 3, 3\], got \[3, 3\]"):
        check_intrinsics(np.eye(3))
