"""The camera that SANA-WM is given begins at the photo, has 8 k + 1 frames, and is the artist's after the lead-in."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import EngineError
from server.engines.sana_wm.camera_path import GENTLE, camera_path, speed_note

LENS = np.array([[600.0, 0, 640], [0, 600, 352], [0, 0, 1]])


def shot(frames: int, start: float = 0.0, pan: float = 0.0, step: float = 0.02) -> Trajectory:
    """A move to the right, with a lens that grows longer, from `start` metres beside the photo."""
    poses = np.repeat(np.eye(4)[None], frames, axis=0)
    poses[:, :3, :3] = rotation_exp(np.array([[0.0, pan, 0.0]]))[0]
    poses[:, 0, 3] = start + step * np.arange(frames)
    lenses = np.repeat(LENS[None], frames, axis=0)
    lenses[:, [0, 1], [0, 1]] += np.arange(frames)[:, None]
    return Trajectory(poses, lenses, 1280, 704, 16.0)


@pytest.mark.parametrize(("frames", "made"), [(1, 1), (2, 9), (9, 9), (10, 17), (81, 81), (961, 961)])
def test_a_shot_from_the_photo_has_no_lead_in_and_is_padded_with_its_last_frame(frames: int, made: int) -> None:
    camera = shot(frames)
    path = camera_path(camera)
    assert (path.shown, len(path.trajectory)) == (slice(0, frames), made)
    assert np.array_equal(path.trajectory.camera_to_world[:frames], camera.camera_to_world)
    assert np.array_equal(path.trajectory.intrinsics[:frames], camera.intrinsics)
    assert (path.trajectory.camera_to_world[frames:] == camera.camera_to_world[-1]).all()


@pytest.mark.parametrize(("start", "pan"), [(0.9, 0.0), (0.01, 0.0), (0.0, 0.5), (-2.0, 1.2)])
def test_a_shot_from_elsewhere_is_walked_up_to_gently(start: float, pan: float) -> None:
    camera = shot(20, start, pan)
    path = camera_path(camera)
    poses = path.trajectory.camera_to_world
    assert path.lead_in > 0
    assert len(poses) % 8 == 1
    assert np.allclose(poses[0], np.eye(4))
    assert np.allclose(poses[path.shown], camera.camera_to_world, atol=1e-12)
    moves = np.linalg.inv(poses[: path.lead_in]) @ poses[1 : path.lead_in + 1]
    assert np.linalg.norm(moves[:, :3, 3], axis=1).max() <= GENTLE[0] + 1e-9
    degrees = np.degrees(np.arccos(np.clip((np.trace(moves[:, :3, :3], axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert degrees.max() <= GENTLE[1] + 1e-6


def test_a_shot_too_far_away_is_refused_in_words() -> None:
    with pytest.raises(EngineError, match=r"20 frames, and 1000 to come from the photo"):
        camera_path(shot(20, start=40.0))
    with pytest.raises(EngineError, match="longer than the model makes"):
        camera_path(shot(962))


def test_distances_are_told_at_the_scale_that_was_asked_for() -> None:
    path = camera_path(shot(9), scale=1.5)
    assert path.trajectory.camera_to_world[8, 0, 3] == pytest.approx(1.5 * 0.16)


def test_fast_moves_are_said() -> None:
    assert speed_note(camera_path(shot(17))) == ""
    assert "0.30 m" in speed_note(camera_path(shot(17, step=0.3)))
    assert speed_note(camera_path(shot(1))) == ""
