"""transforms_train.json and transforms_eval.json of `ns-export cameras`: a list of pictures with poses, read only.

camera-to-world [3, 4], OpenGL's camera axes, in the trained scene's frame and unit. There are no intrinsics.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....errors import CameraError
from ...trajectory import Trajectory
from ..camera_file import OPENGL, CameraFile, Known
from ..frame_order import natural_order, picture_name, reordered_note
from ..pose_convention import inverted_pose_note
from ..text_lines import parse_json, read_text
from .transforms import pose_of

NAME = "nerfstudio-export"


def read(path: Path, known: Known) -> CameraFile:
    """Read the cameras, in the order of their pictures' names.

    Args:
        path: the file.
        known: must give the size; without its intrinsics a horizontal field of view of 55 degrees is assumed.

    Raises:
        CameraError: the size is not known, or the file is no list of pictures with poses.
    """
    size = known.needed_size("nerfstudio's export of cameras")
    frames = parse_json(read_text(path))
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise CameraError("The file holds no camera", "no list of objects")
    listed = [picture_name(str(frame.get("file_path", f"frame {index}"))) for index, frame in enumerate(frames)]
    order = natural_order(listed)
    poses = np.stack([pose_of(frames[index], "transform", listed[index]) for index in order])
    intrinsics, notes = known.lens(size, len(frames))
    trajectory = Trajectory(poses @ OPENGL, intrinsics, *size, known.rate)
    return CameraFile(trajectory, NAME, names=tuple(listed[index] for index in order)).with_notes(
        *notes, reordered_note(order), inverted_pose_note(trajectory.camera_to_world, "camera-to-world")
    )
