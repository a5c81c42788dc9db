"""TUM RGB-D: `timestamp tx ty tz qx qy qz qw` a line, # comments.

Seconds, metres, camera-to-world, OpenCV axes (the optical frame). There are no intrinsics; where TUM's own are given by
the caller, add 0.5 px to cx and cy first: there the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

import re
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
from .text_lines import data_lines, numbers, read_text, split_fields

NAME = "tum"
COLUMNS = 8
"""Numbers of a line."""
W_LAST = [7, 4, 5, 6]
"""Where w, x, y and z of the quaternion stand in TUM's lines."""


def read(path: Path, known: Known) -> CameraFile:
    """Read a TUM file. Commas between values are allowed, and a line with the columns' names, which says where w is.

    Args:
        path: the file.
        known: must give the size; without its intrinsics a horizontal field of view of 55 degrees is assumed.

    Returns:
        The cameras; `timestamps` is None when the file's do not increase.

    Raises:
        CameraError: the size is not known, a line has not 8 finite numbers, or a quaternion is not a rotation.
    """
    width, height = known.needed_size("TUM")
    text = read_text(path)
    lines = data_lines(text)
    named = _named_columns(text)
    if named is not None and lines and any(letter.isalpha() for letter in lines[0][1].lower().replace("e", "")):
        lines = lines[1:]
    if not lines:
        raise CameraError("The file holds no camera", "no line of 8 numbers")
    table = np.array([numbers(split_fields(line), number, COLUMNS) for number, line in lines])
    quaternions = normalised_quaternions(table[:, named or W_LAST], [number for number, _ in lines])
    intrinsics, lens_notes = known.lens((width, height), len(table))
    times = frame_times(table[:, 0], "seconds", known)
    poses = pose_matrices(rotation_from_quaternion(quaternions), table[:, 1:4])
    trajectory = Trajectory(poses, intrinsics, width, height, times.fps)
    return CameraFile(trajectory, NAME, timestamps=times.seconds).with_notes(
        *lens_notes,
        times.note,
        _order_note(lines[0][1], times.note) if named is None else "",
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


def _named_columns(text: str) -> list[int] | None:
    """Where w, x, y and z of the quaternion stand by the columns' names in the file's first lines; None without any."""
    for line in text.splitlines():
        names = re.sub(r"\[[^]]*\]", " ", line).strip().lstrip("#").strip().lower()
        words = [word for word in re.split(r"\s*,\s*" if "," in names else r"\s+", names) if word]
        ends = [word[-1] for word in words[4:]]
        if len(words) == COLUMNS and sorted(ends) == ["w", "x", "y", "z"]:
            return [4 + ends.index(axis) for axis in "wxyz"]
        if line.strip() and not line.lstrip().startswith("#"):
            return None
    return None


def _order_note(line: str, times: str) -> str:
    """A note where the file may be of EuRoC's kind, whose quaternions begin with w, and does not say so."""
    if "," not in line or "nanoseconds" not in times:
        return ""
    return "Commas and nanoseconds are EuRoC's, whose quaternions begin with w: this file's are read as TUM's, w last."
