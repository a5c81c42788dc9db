"""Nuke's .chan: `frame tx ty tz rx ry rz [vertical fov]` a line.

Degrees, rotation order ZXY (Nuke's default: camera-to-world R = Ry Rx Rz), y up, looking along -z. Our world has y
down, so it is turned as the camera's axes are: a camera at the identity stays there. The principal point is not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...arrays import Float64
from ...errors import CameraError
from ..rotation import axis_rotation
from ..trajectory import Trajectory
from .camera_file import OPENGL, CameraFile, Known, pose_matrices
from .pose_convention import inverted_pose_note
from .text_lines import data_lines, numbers, read_text, split_fields

NAME = "chan"


def read(path: Path, known: Known) -> CameraFile:
    """Read a .chan file.

    Args:
        path: the file.
        known: must give the size; its intrinsics are used where the file has no field of view, else 55 degrees are
            assumed.

    Returns:
        The cameras, in the file's unit; timestamps are frame numbers divided by the rate.

    Raises:
        CameraError: the size is not known, a line has not 7 or 8 numbers, the frame numbers do not increase, or a field
            of view is not between 0 and 180 degrees.
    """
    width, height = known.needed_size(".chan")
    lines = data_lines(read_text(path))
    if not lines:
        raise CameraError("The file holds no camera", "no line of 7 or 8 numbers")
    columns = len(split_fields(lines[0][1]))
    if columns not in (7, 8):
        raise CameraError("This is no .chan file", f"line {lines[0][0]} has {columns} values, expected 7 or 8")
    table = np.array([numbers(split_fields(line), number, columns) for number, line in lines])
    if (np.diff(table[:, 0]) <= 0).any():
        raise CameraError("The frame numbers do not increase", f"the first is {table[0, 0]:g}")
    x, y, z = np.radians(table[:, 4:7]).T
    rotation = axis_rotation("Y", y) @ axis_rotation("X", x) @ axis_rotation("Z", z)
    poses = OPENGL @ pose_matrices(rotation, table[:, 1:4]) @ OPENGL
    intrinsics, notes = known.lens((width, height), len(table))
    if columns == 8:
        intrinsics, notes = _intrinsics(table[:, 7], width, height), ()
    fps = known.rate
    trajectory = Trajectory(poses, intrinsics, width, height, fps)
    uneven = len(table) > 2 and np.ptp(np.diff(table[:, 0])) > 1e-6
    return CameraFile(trajectory, NAME, timestamps=table[:, 0] / fps).with_notes(
        *notes,
        "Frames are left out: the cameras that are there are taken as evenly spaced." if uneven else "",
        inverted_pose_note(trajectory.camera_to_world, "camera-to-world"),
    )


def write(path: Path, trajectory: Trajectory, names: Sequence[str], timestamps: Float64 | None) -> None:
    """Write a .chan file.

    Args:
        path: the file.
        trajectory: its principal points are not kept.
        names: not kept.
        timestamps: [F] seconds, stored as frame numbers (times fps); None for frames from 1.
    """
    poses = OPENGL @ trajectory.camera_to_world @ OPENGL
    frames = np.arange(1, len(trajectory) + 1) if timestamps is None else timestamps * trajectory.fps
    angles = np.degrees(_zxy_angles(poses[:, :3, :3]))
    fov = np.degrees(2 * np.arctan(trajectory.height / (2 * trajectory.intrinsics[:, 1, 1])))
    table = np.concatenate([poses[:, :3, 3], angles, fov[:, None]], axis=1)
    lines = [
        "\t".join([f"{frame:.9g}", *(f"{value:.17g}" for value in row)])
        for frame, row in zip(frames, table, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _intrinsics(vertical_fov: Float64, width: int, height: int) -> Float64:
    if (vertical_fov <= 0).any() or (vertical_fov >= 180).any():
        raise CameraError("A field of view is not between 0 and 180 degrees", f"{vertical_fov.min():g}")
    focal = height / (2 * np.tan(np.radians(vertical_fov) / 2))
    intrinsics = np.tile(np.array([[1.0, 0, width / 2], [0, 1.0, height / 2], [0, 0, 1.0]]), (len(focal), 1, 1))
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    return intrinsics


def _zxy_angles(rotation: Float64) -> Float64:
    """(x, y, z) [F, 3] radians of R = Ry Rx Rz [F, 3, 3], continuous over the frames."""
    cosine = np.hypot(rotation[:, 1, 0], rotation[:, 1, 1])
    x = np.arctan2(-rotation[:, 1, 2], cosine)
    upright = cosine > 1e-6
    y = np.where(
        upright,
        np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2]),
        # Looking straight up or down, only y -+ z is defined: all of it goes to y.
        np.arctan2(-rotation[:, 2, 0], rotation[:, 0, 0]),
    )
    z = np.where(upright, np.arctan2(rotation[:, 1, 0], rotation[:, 1, 1]), 0.0)
    return np.stack([x, np.unwrap(y), np.unwrap(z)], axis=1)
