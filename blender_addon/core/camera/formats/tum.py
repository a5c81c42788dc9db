"""TUM RGB-D: `timestamp tx ty tz qx qy qz qw` a line, # comments.

Seconds, metres, camera-to-world, OpenCV axes (the optical frame). There are no intrinsics; where TUM's own are given by
the caller, add 0.5 px to cx and cy first: there the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...arrays import Float64
from ...errors import CameraError
from ..rotation import quaternion_from_rotation, rotation_from_quaternion
from ..trajectory import Trajectory
from .camera_file import CameraFile, Known, normalised_quaternions, pose_matrices
from .frame_times import frame_times
from .pose_convention import inverted_pose_note
from .text_lines import data_lines, numbers, read_text

NAME = "tum"
COLUMNS = 8
"""Numbers of a line."""


def read(path: Path, known: Known) -> CameraFile:
    """Read a TUM file. Commas between values are allowed.

    Args:
        path: the file.
        known: must give the size; without its intrinsics a horizontal field of view of 55 degrees is assumed.

    Returns:
        The cameras; `timestamps` is None when the file's do not increase.

    Raises:
        CameraError: the size is not known, a line has not 8 finite numbers, or a quaternion is not a rotation.
    """
    width, height = known.needed_size("TUM")
    lines = data_lines(read_text(path).replace(",", " "))
    if not lines:
        raise CameraError("The file holds no camera", "no line of 8 numbers")
    table = np.array([numbers(line.split(), number, COLUMNS) for number, line in lines])
    quaternions = normalised_quaternions(table[:, [7, 4, 5, 6]], [number for number, _ in lines])
    intrinsics, lens_notes = known.lens((width, height), len(table))
    times = frame_times(table[:, 0], "seconds", known)
    poses = pose_matrices(rotation_from_quaternion(quaternions), table[:, 1:4])
    trajectory = Trajectory(poses, intrinsics, width, height, times.fps)
    return CameraFile(trajectory, NAME, timestamps=times.seconds).with_notes(
        *lens_notes,
        times.note,
        inverted_pose_note(trajectory.camera_to_world, "camera-to-world"),
    )


def write(path: Path, trajectory: Trajectory, names: Sequence[str], timestamps: Float64 | None) -> None:
    """Write a TUM file.

    Args:
        path: the file.
        trajectory: its intrinsics and size are not kept.
        names: not kept.
        timestamps: [F] seconds; None for frame / fps.
    """
    seconds = np.arange(len(trajectory)) / trajectory.fps if timestamps is None else timestamps
    quaternions = quaternion_from_rotation(trajectory.camera_to_world[:, :3, :3])[:, [1, 2, 3, 0]]
    lines = ["# timestamp tx ty tz qx qy qz qw"]
    for time, centre, quaternion in zip(seconds, trajectory.centres, quaternions, strict=True):
        lines.append(" ".join([f"{time:.9f}", *(f"{value:.17g}" for value in (*centre, *quaternion))]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
