"""Small clips of the synthetic room, solved by direct alignment: the path filmed is found, asked for or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_addon.core.camera.projection import intrinsics_from_fov
from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError
from server.evaluation.evaluate import evaluate_clip
from server.evaluation.inputs import EvaluationInput
from server.evaluation.synthetic_room import film_room
from server.reconstruction.scale import DepthMap

COUNT = 4
DEGREES, METRES = 0.3, 0.02
"""Largest errors of a frame of 64 x 64, in a room whose middle is 4 m away."""


def small_path(place: tuple[float, float, float], turn: tuple[float, float, float]) -> Trajectory:
    u = np.linspace(0, 1, COUNT)[:, None]
    poses = np.tile(np.eye(4), (COUNT, 1, 1))
    poses[:, :3, 3] = u * place
    poses[:, :3, :3] = rotation_exp(u * np.radians(turn))
    return Trajectory(poses, intrinsics_from_fov(64, 64, np.radians(65)), 64, 64)


FILMED = small_path((0.5, -0.1, 0.4), (2.0, -8.0, 3.0))
OTHERS = {
    "one that stands still": small_path((0, 0, 0), (0, 0, 0)),
    "one that goes the other way": small_path((-0.5, 0.2, 0.1), (0, 10.0, 0)),
    "one of half the distance": small_path((0.25, -0.05, 0.2), (2.0, -8.0, 3.0)),
}


@pytest.mark.parametrize("asked", OTHERS)
def test_the_filmed_path_is_found_whatever_was_asked_for(asked: str) -> None:
    """Frames, brighter and noisier from one to the next as generated ones are."""
    frames, depth = film_room(FILMED)
    noise = np.random.default_rng(4).normal(0, 3, frames.shape)
    drifting = frames * np.linspace(1, 1.06, COUNT)[:, None, None, None] + noise
    given = EvaluationInput(
        "room", np.clip(drifting, 0, 255).astype(np.uint8), asked, OTHERS[asked], DepthMap(depth[0])
    )
    found = evaluate_clip(given, method="direct")
    assert found.metric
    assert found.failed == 0
    achieved = np.array(found.achieved)
    turned = np.swapaxes(achieved[:, :3, :3], 1, 2) @ FILMED.camera_to_world[:, :3, :3]
    angles = np.degrees(np.arccos(np.clip((np.trace(turned, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert angles.max() < DEGREES
    assert np.linalg.norm(achieved[:, :3, 3] - FILMED.centres, axis=1).max() < METRES


def test_frames_of_another_place_are_not_placed() -> None:
    frames, depth = film_room(FILMED)
    elsewhere = replace(FILMED, camera_to_world=FILMED.camera_to_world @ _turned_around())
    mixed = np.concatenate([frames[:2], film_room(elsewhere)[0][2:]])
    found = evaluate_clip(EvaluationInput("room", mixed, "asked", FILMED, DepthMap(depth[0])), method="direct")
    assert found.failed == 1
    assert [pose is not None for pose in found.achieved] == [True, True, False, False]
    assert "2 of 4 frames were placed" in found.trials[0].failure


def test_without_depth_it_is_said() -> None:
    frames, _ = film_room(FILMED)
    with pytest.raises(CameraError, match="depth of the first frame"):
        evaluate_clip(EvaluationInput("room", frames, "asked", FILMED), method="direct")


def _turned_around() -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = rotation_exp(np.array([[0.0, np.pi, 0.0]]))[0]
    return pose
