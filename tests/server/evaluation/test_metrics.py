"""RotErr, TransErr and CamMC: to parity with the published computation, and true on cameras that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import CameraError
from server.evaluation.metrics import (
    camera_errors,
    extent,
    frame_errors,
    normalised,
    published_angles,
    relative_to_first,
    rotation_angles,
)
from tests.server.published.parity import ParityKit


def turn(axis: int, angle: float) -> np.ndarray:
    a, b = [i for i in range(3) if i != axis]
    rotation = np.eye(3)
    rotation[a, a] = rotation[b, b] = np.cos(angle)
    rotation[a, b], rotation[b, a] = -np.sin(angle), np.sin(angle)
    return rotation


def line(frames: int, step: tuple[float, float, float], degrees: float = 0.0) -> np.ndarray:
    poses = np.repeat(np.eye(4)[None], frames, axis=0)
    for i in range(frames):
        poses[i, :3, :3] = turn(1, np.radians(degrees * i))
        poses[i, :3, 3] = np.array(step) * i
    return poses


@pytest.mark.parametrize("case", [0, 1, 2])
def test_the_published_numbers(kit: ParityKit, case: int) -> None:
    golden = kit.arrays("metrics")
    reference, estimate = golden[f"case{case}.c2w_gt_rel"], golden[f"case{case}.c2w_est_rel"]
    errors = camera_errors(reference, estimate)
    ours = {
        "RotErr": errors.rot_err,
        "TransErr_rel": errors.trans_err_rel,
        "CamMC_rel": errors.cam_mc_rel,
        "TransErr_abs": errors.trans_err_abs,
        "CamMC_abs": errors.cam_mc_abs,
        "roterr_per_frame": published_angles(reference, estimate),
        "normalize_t_self": normalised(estimate, estimate),
        "normalize_t_ref_gt": normalised(estimate, reference),
    }
    for name, value in ours.items():
        kit.check("metrics", f"case{case}.{name}", value)


def test_a_camera_that_went_too_far_is_wrong_in_metres_but_not_in_direction() -> None:
    asked = line(16, (0.02, 0.0, 0.01), degrees=1.0)
    achieved = asked.copy()
    achieved[:, :3, 3] *= 1.3
    errors = camera_errors(asked, achieved)
    # One in 1e9 of the extent is the published floor's.
    assert errors.trans_err_rel == pytest.approx(0.0, abs=1e-6)
    assert errors.trans_err_abs == pytest.approx(sum(0.3 * i / 15 for i in range(16)), rel=1e-6)
    assert frame_errors(asked, achieved).metres[-1] == pytest.approx(0.3 * extent(asked), rel=1e-6)


def test_frames_are_measured_in_degrees() -> None:
    errors = frame_errors(line(4, (0, 0, 0)), line(4, (0, 0, 0), degrees=0.5))
    assert errors.degrees == pytest.approx([0.0, 0.5, 1.0, 1.5])


@given(st.floats(1e-9, 3.1))
def test_small_and_large_angles_alike(angle: float) -> None:
    assert rotation_angles(turn(0, angle)[None])[0] == pytest.approx(angle, rel=1e-6)


def test_relative_to_first_is_seen_from_frame_0_and_scaled(kit: ParityKit) -> None:
    golden = kit.arrays("metrics")["case0.c2w_gt_rel"]
    moved = golden[5] @ golden
    assert np.allclose(relative_to_first(moved), golden, atol=1e-12)
    assert np.allclose(relative_to_first(moved, 2.5)[:, :3, 3], 2.5 * golden[:, :3, 3], atol=1e-12)


def test_published_relative_poses(kit: ParityKit) -> None:
    """The kit does not say where the three cameras stand in the world: they are put where its first one stands."""
    golden = kit.arrays("metrics")
    world = np.linalg.inv(golden["depth_scale.w2c_frame0"]) @ golden["depth_scale.rel_c2w"]
    kit.check("metrics", "depth_scale.rel_c2w", relative_to_first(world))


def test_lengths_must_agree() -> None:
    with pytest.raises(CameraError, match="4 frames against 5"):
        camera_errors(line(4, (0, 0, 1)), line(5, (0, 0, 1)))
