"""The ground that a camera file tells: fSpy's, or any whose world has an axis upwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...camera.formats import fspy
from ...camera.formats.dispatch import read_trajectory
from ...camera.formats.lens_models import of_one_aspect
from ...camera.trajectory import Trajectory
from ...errors import CameraError
from .ground_plane import horizon_of

_AXES = "XYZ"


@dataclass(frozen=True)
class CameraGround:
    """The ground under a camera.

    Attributes:
        horizon: as Ground has it.
        height: of the camera over the world's origin, in the file's unit; not positive where the origin is above it.
        up: the world's axis that points upwards, for example "Z" or "-Y".
    """

    horizon: tuple[float, float]
    height: float
    up: str


def read_fspy(path: Path, photo_size: tuple[int, int]) -> Trajectory:
    """fSpy's camera, in pixels of the photo.

    Raises:
        CameraError: it is no fSpy file, or of a picture with another aspect.
    """
    trajectory = read_trajectory(path, format=fspy.NAME).trajectory
    own = (trajectory.width, trajectory.height)
    if not of_one_aspect(own, photo_size):
        raise CameraError(
            f"{path.name} is of another picture",
            f"{own[0]} x {own[1]}, the photo is {photo_size[0]} x {photo_size[1]}",
            "Open this photo in fSpy.",
        )
    return trajectory.resized(*photo_size)


def camera_ground(trajectory: Trajectory, frame: int = 0) -> CameraGround:
    """The ground under a camera: of the world's axes, the one nearest to the photo's upward direction is up.

    fSpy has Y or Z upwards, as its user names the axes. A camera that looks down more than 45 degrees cannot tell them.

    Args:
        trajectory: of a camera file, in the file's own world.
        frame: which of its cameras.

    Raises:
        PhotoError: the photo has no horizon with the floor below it.
    """
    pose = trajectory.camera_to_world[frame]
    upwards = -pose[:3, 1]
    axis = int(np.abs(upwards).argmax())
    sign = 1.0 if upwards[axis] > 0 else -1.0
    down = -sign * pose[axis, :3]
    size = (trajectory.width, trajectory.height)
    horizon = horizon_of(down, trajectory.intrinsics[frame], size)
    return CameraGround(horizon, sign * float(pose[axis, 3]), ("" if sign > 0 else "-") + _AXES[axis])
