"""MotionCtrl's JSON: a list of frames, each the 12 numbers of a 3 x 4 world-to-camera matrix, row by row.

OpenCV axes, relative to the first frame, in the clip's own unit; neither intrinsics nor timestamps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import CameraError
from ..trajectory import Trajectory, inverse, orthonormalised
from .camera_file import CameraFile, Known, pose_matrices
from .pose_convention import inverted_pose_note
from .text_lines import parse_json, read_text

NAME = "motionctrl"


def read(path: Path, known: Known) -> CameraFile:
    """Read a list of poses.

    Args:
        path: the JSON file.
        known: must give the size; without its intrinsics a horizontal field of view of 55 degrees is assumed.

    Raises:
        CameraError: the size is not known, or the file is not a list of 12 numbers a frame.
    """
    width, height = known.needed_size("MotionCtrl")
    try:
        table = np.array(parse_json(read_text(path)), dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise CameraError("The file is no list of poses", "its rows are not numbers or differ in length") from error
    if table.ndim != 2 or table.shape[1] != 12:
        raise CameraError("The file is no list of poses", f"shape {list(table.shape)}, expected [F, 12]")
    matrices = table.reshape(-1, 3, 4)
    intrinsics, notes = known.lens((width, height), len(table))
    camera_to_world = inverse(orthonormalised(pose_matrices(matrices[..., :3], matrices[..., 3])))
    trajectory = Trajectory(camera_to_world, intrinsics, width, height, known.rate)
    return CameraFile(trajectory, NAME).with_notes(*notes, inverted_pose_note(camera_to_world, "world-to-camera"))
