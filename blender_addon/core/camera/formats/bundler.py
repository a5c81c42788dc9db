"""Bundler's bundle.out (v0.3), read only.

World-to-camera, OpenGL's camera axes (y up, looking along -z), the unit of the reconstruction; focal lengths in pixels
about the middle of the picture, whose size is not stored. Cameras that were not solved have focal length 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import CameraError
from ..projection import intrinsics_matrix
from ..trajectory import Trajectory, inverse, orthonormalised
from .camera_file import OPENGL, CameraFile, Known, pose_matrices
from .text_lines import data_lines, numbers, read_text

NAME = "bundler"
LINES = 5
"""Lines of a camera: focal length and distortion, three of the rotation, the translation."""


def read(path: Path, known: Known) -> CameraFile:
    """Read the solved cameras of a bundle.out file.

    Args:
        path: the file.
        known: must give the size, which the file does not store.

    Returns:
        The solved cameras in the file's order; those that were not solved are listed in `missing`.

    Raises:
        CameraError: the size is not known, the file ends too early or holds something else, or no camera was solved.
    """
    width, height = known.needed_size("Bundler")
    lines = data_lines(read_text(path))
    if not lines:
        raise CameraError("The file holds no camera", "it is empty")
    count = int(numbers(lines[0][1].split(), lines[0][0], 2)[0])
    if count < 1:
        raise CameraError("The file holds no camera", f"it announces {count}")
    if len(lines) < 1 + count * LINES:
        raise CameraError("The file ends too early", f"{count} cameras announced, {(len(lines) - 1) // LINES} there")
    table = [numbers(line.split(), number, 3) for number, line in lines[1 : 1 + count * LINES]]
    cameras = np.array(table).reshape(count, LINES, 3)
    names = [f"camera {index}" for index in range(count)]
    solved = np.flatnonzero(cameras[:, 0, 0] > 0)
    missing = tuple(name for index, name in enumerate(names) if index not in solved)
    if len(solved) == 0:
        raise CameraError("The file holds no solved camera", f"all {count} have focal length 0")
    world_to_camera = orthonormalised(pose_matrices(cameras[solved, 1:4], cameras[solved, 4]))
    intrinsics = np.stack([intrinsics_matrix(f, f, width / 2, height / 2) for f in cameras[solved, 0, 0]])
    trajectory = Trajectory(inverse(world_to_camera) @ OPENGL, intrinsics, width, height, known.rate)
    strongest = float(np.abs(cameras[solved, 0, 1:]).max())
    return CameraFile(trajectory, NAME, names=tuple(names[index] for index in solved), missing=missing).with_notes(
        f"{len(missing)} of {count} cameras were not solved and are left out." if missing else "",
        f"The lens is distorted (up to {strongest:.2g}); the pinhole leaves that out." if strongest else "",
    )
