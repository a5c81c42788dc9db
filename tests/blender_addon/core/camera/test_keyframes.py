"""Few keys reproduce a densely sampled curve, also in Blender's own F-curves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from blender_addon.core.camera.keyframes import Keyframes, fit_keyframes
from blender_addon.core.camera.moves import MOVES, move_at
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.rotation import axis_rotation, rotation_exp, rotation_log
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError
from tests.support.properties import examples

FRAMES = np.linspace(1, 49, 16 * 48 + 1)
TOLERANCE = np.array([1e-3] * 3 + [np.radians(0.05)] * 3 + [0.02])
"""A millimetre, a twentieth of a degree, a fiftieth of a millimetre of focal length."""


def channels(name: str, easing: str = "ease") -> np.ndarray:
    """[N, 7] location (metres), rotation vector (radians), focal length (mm) of a move at FRAMES."""
    start = Trajectory(np.eye(4)[None], intrinsics_matrix(500, 500, 320, 180), 640, 360)
    path = move_at(name, start, progress=np.linspace(0, 1, len(FRAMES)), easing=easing)  # type: ignore[arg-type]
    focal = path.intrinsics[:, 0, 0] / path.width * 36
    return np.concatenate([path.centres, rotation_log(path.camera_to_world[:, :3, :3]), focal[:, None]], axis=1)


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("easing", ["linear", "ease", "ease_in"])
def test_moves_need_few_keys(name: str, easing: str) -> None:
    values = channels(name, easing)
    keys = fit_keyframes(FRAMES, values, TOLERANCE)
    assert (np.abs(keys.at(FRAMES) - values) <= TOLERANCE).all()
    assert len(keys.times) <= 12
    np.testing.assert_array_equal(keys.times, np.round(keys.times))
    assert (keys.times[0], keys.times[-1]) == (1, 49)


@pytest.mark.parametrize("name", ["still", "dolly", "truck", "pedestal", "pan", "tilt", "roll", "dolly_zoom", "reveal"])
@pytest.mark.parametrize("easing", ["linear", "ease", "ease_in", "ease_out"])
def test_polynomial_moves_need_two_keys(name: str, easing: str) -> None:
    assert len(fit_keyframes(FRAMES, channels(name, easing), TOLERANCE).times) == 2


@given(st.lists(st.floats(-10, 10), min_size=4, max_size=4))
def test_a_cubic_is_its_two_keys(coefficients: list[float]) -> None:
    times = np.linspace(0, 10, 1001)
    values = np.polyval(coefficients, times / 10)[:, None]
    keys = fit_keyframes(times, values, 1e-3)
    assert len(keys.times) == 2
    np.testing.assert_allclose(keys.at(times), values, atol=1e-3)


def test_noise_gets_a_key_on_every_frame() -> None:
    values = np.random.default_rng(0).normal(0, 1, (len(FRAMES), 1))
    keys = fit_keyframes(FRAMES, values, 1e-6)
    np.testing.assert_array_equal(keys.times, np.arange(1, 50))


def test_short_and_broken_samples() -> None:
    assert fit_keyframes([5.0], [[1.0, 2.0]], 0.1).at([5.0]).tolist() == [[1.0, 2.0]]
    assert fit_keyframes([5.0, 6.0], [[1.0], [3.0]], 0.1).at([5.5]).tolist() == [[2.0]]
    with pytest.raises(CameraError, match="do not fit"):
        fit_keyframes([1.0, 1.0], [[0.0], [0.0]], 0.1)
    with pytest.raises(CameraError, match="do not fit"):
        fit_keyframes([1.0, 2.0], [[0.0]], 0.1)


def test_handles_stand_a_third_of_the_gap_away() -> None:
    keys = Keyframes(np.array([0.0, 3.0, 9.0]), np.zeros((3, 1)), np.ones((3, 1)))
    np.testing.assert_allclose(keys.right_handles()[:, 0], [(1, 1), (5, 2), (11, 2)])
    np.testing.assert_allclose(keys.left_handles()[:, 0], [(-1, -1), (2, -1), (7, -2)])


@pytest.fixture
def fcurve_action() -> Iterator[object]:
    bpy = pytest.importorskip("bpy")
    holder = bpy.data.objects.new("keyframes", None)
    yield holder
    action = holder.animation_data.action
    bpy.data.objects.remove(holder)
    bpy.data.actions.remove(action)


@pytest.mark.blender
@pytest.mark.parametrize("name", ["orbit", "spiral", "dolly_zoom", "parallax_loop"])
def test_blender_draws_the_same_curve(name: str, fcurve_action: object) -> None:
    from typing import Any

    holder: Any = fcurve_action
    values = channels(name)
    keys = fit_keyframes(FRAMES, values, TOLERANCE)
    left, right = keys.left_handles(), keys.right_handles()
    drawn = np.empty((len(FRAMES), 6))
    for path, first in (("location", 0), ("delta_location", 3)):
        for axis in range(3):
            for k, frame in enumerate(keys.times):
                getattr(holder, path)[axis] = keys.values[k, first + axis]
                holder.keyframe_insert(path, index=axis, frame=frame)
            curve = holder.animation_data.action.layers[0].strips[0].channelbags[0].fcurves.find(path, index=axis)
            for k, point in enumerate(curve.keyframe_points):
                point.interpolation = "BEZIER"
                point.handle_left_type = point.handle_right_type = "FREE"
                point.handle_left = left[k, first + axis]
                point.handle_right = right[k, first + axis]
            drawn[:, first + axis] = [curve.evaluate(frame) for frame in FRAMES]
    assert (np.abs(drawn - values[:, :6]) <= TOLERANCE[:6] + 1e-5).all()


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=5))
def test_rotation_vectors_reproduce_their_rotations(vectors: list[tuple[float, float, float]]) -> None:
    rotation = rotation_exp(vectors)
    np.testing.assert_allclose(rotation_exp(rotation_log(rotation)), rotation, atol=1e-12)


@pytest.mark.parametrize("name", MOVES)
@given(heading=st.floats(-180, 180), tilt=st.floats(-40, 40), roll=st.floats(-15, 15))
@examples(10)
def test_a_baked_camera_follows_the_move(name: str, heading: float, tilt: float, roll: float) -> None:
    """As Blender keeps it: a z-up world, Euler angles, keys with handles. Within 2 mm and 0.1 degrees everywhere."""
    start_pose = np.eye(4)
    start_pose[:3, :3] = (
        axis_rotation("Y", np.radians(heading))
        @ axis_rotation("X", np.radians(tilt))
        @ axis_rotation("Z", np.radians(roll))
    )
    start = Trajectory(start_pose[None], intrinsics_matrix(500, 500, 320, 180), 640, 360)
    move = move_at(name, start, progress=np.linspace(0, 1, len(FRAMES)))
    z_up = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    rotation = z_up @ move.camera_to_world[:, :3, :3] @ np.diag([1.0, -1, -1])
    euler = np.unwrap(Rotation.from_matrix(rotation).as_euler("xyz"), axis=0)
    keys = fit_keyframes(FRAMES, np.concatenate([move.centres @ z_up.T, euler], axis=1), TOLERANCE[:6])
    assert len(keys.times) <= 25
    drawn = keys.at(FRAMES)
    assert np.linalg.norm(drawn[:, :3] - move.centres @ z_up.T, axis=1).max() < 2e-3
    off = Rotation.from_euler("xyz", drawn[:, 3:]) * Rotation.from_matrix(rotation).inv()
    assert np.degrees(off.magnitude().max()) < 0.1
