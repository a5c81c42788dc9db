"""The horizon that a camera file tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.camera.formats.dispatch import read_trajectory
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.layout.camera_ground import camera_ground, read_fspy
from blender_addon.core.depth.layout.ground_plane import down_vector, horizon_of
from blender_addon.core.errors import CameraError, PhotoError


def test_fspy_s_horizon_goes_through_its_vanishing_points(shared_data: Path) -> None:
    """Its own solution names the vanishing points of two level directions: both are on the horizon."""
    trajectory = read_trajectory(shared_data / "trajectories/fspy/json_export.json").trajectory
    ground = camera_ground(trajectory)
    assert ground.up == "Y"
    assert ground.height == pytest.approx(0.9409039973967737)
    width, height = trajectory.width, trajectory.height
    # fSpy: x from -1 to 1 across this wide picture, y upwards in the same unit.
    for x, y in ((1.6051650133994935, 0.001021010320067342), (-0.652074716204382, 0.0029610261811691915)):
        at = ground.horizon[0] + (ground.horizon[1] - ground.horizon[0]) * (x + 1) / 2
        assert at == pytest.approx((height / 2 - y * width / 2) / height, abs=1e-6)


def test_a_tilted_fspy_camera_of_a_world_with_z_upwards(shared_data: Path) -> None:
    trajectory = read_trajectory(shared_data / "trajectories/fspy/shifted_landscape.fspy").trajectory
    ground = camera_ground(trajectory)
    assert ground.up == "Z"
    down = down_vector(ground.horizon, trajectory.intrinsics[0], (trajectory.width, trajectory.height))
    np.testing.assert_allclose(trajectory.camera_to_world[0, :3, :3] @ down, [0, 0, -1], atol=1e-9)


def test_a_direction_without_a_horizon_below_it_is_refused() -> None:
    lens = intrinsics_matrix(80, 80, 48, 32)
    for down in ([0, 0, 1], [1, 0, 0], [0, -1, 0]):
        with pytest.raises(PhotoError, match="no horizon"):
            horizon_of(np.array(down, dtype=np.float64), lens, (96, 64))


def test_a_project_of_another_picture_is_refused(shared_data: Path) -> None:
    project = shared_data / "trajectories/fspy/shifted_landscape.fspy"
    with pytest.raises(
        CameraError, match=r"is of another picture: .* the photo is 100 x 1000. Open this photo in fSpy"
    ):
        read_fspy(project, (100, 1000))
