"""camera_path.json of nerfstudio's viewer and its add-on for Blender: a path to render, read only.

camera-to-world, OpenGL's camera axes, row by row, and for each camera the vertical field of view in degrees; the size
and the rate of the render. The unit is the trained scene's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ....arrays import Float64
from ....errors import CameraError
from ...projection import intrinsics_matrix
from ...trajectory import Trajectory
from ..camera_file import OPENGL, CameraFile, Known
from ..frame_times import stated_rate
from ..lens_models import check_pinhole
from ..pose_convention import inverted_pose_note
from ..text_lines import parse_json, read_text
from .transforms import number_of, pose_of

NAME = "nerfstudio-path"
CAMERAS = "camera_path"
"""The key of the list of cameras, by which the file is known."""


def read(path: Path, known: Known) -> CameraFile:
    """Read the cameras of a path, in the file's order.

    Args:
        path: the file.
        known: its size is used where the file has none.

    Raises:
        CameraError: there is no camera, one is no pinhole or malformed, or the size is not known.
    """
    document = parse_json(read_text(path))
    cameras = document.get(CAMERAS) if isinstance(document, dict) else None
    if not isinstance(cameras, list) or not cameras or not all(isinstance(camera, dict) for camera in cameras):
        raise CameraError("The file holds no camera", f'no list "{CAMERAS}" of objects')
    check_pinhole(str(document.get("camera_type") or "perspective"))
    width, height = number_of(document, "render_width"), number_of(document, "render_height")
    if width is None or height is None:
        width, height = known.needed_size("This camera path")
    names = [f"camera {index}" for index in range(len(cameras))]
    poses = np.stack([pose_of(camera, "camera_to_world", name) for camera, name in zip(cameras, names, strict=True)])
    lenses = [_intrinsics(camera, name, width, height) for camera, name in zip(cameras, names, strict=True)]
    fps, note = stated_rate(_stated(document, len(cameras)), known)
    trajectory = Trajectory(poses @ OPENGL, np.stack(lenses), round(width), round(height), fps)
    return CameraFile(trajectory, NAME).with_notes(
        note, inverted_pose_note(trajectory.camera_to_world, "camera-to-world")
    )


def _intrinsics(camera: Mapping[str, Any], name: str, width: float, height: float) -> Float64:
    degrees = number_of(camera, "fov")
    if degrees is None or not 0 < degrees < 180:
        raise CameraError("A field of view is not between 0 and 180 degrees", f"{name}: fov {camera.get('fov')!r}")
    focal = height / (2 * np.tan(np.radians(degrees) / 2))
    return intrinsics_matrix(focal, focal, width / 2, height / 2)


def _stated(document: Mapping[str, Any], count: int) -> float | None:
    """The file's rate, else what follows from its length in seconds."""
    fps, seconds = number_of(document, "fps"), number_of(document, "seconds")
    if fps is not None:
        return fps
    return count / seconds if seconds is not None and seconds > 1e-6 else None
