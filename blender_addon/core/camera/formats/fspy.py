"""fSpy: the camera of one photo, from a project (.fspy) or its JSON export; read only.

camera-to-world with OpenGL's camera axes in fSpy's world, whose unit is the artist's reference distance. fSpy's image
plane reaches from -1 to 1 along the picture's longer side, y up, and its focal length is in that unit.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CameraError
from ..projection import intrinsics_matrix
from ..trajectory import Trajectory
from .camera_file import OPENGL, CameraFile, Known
from .text_lines import decoded_text, parse_json

NAME = "fspy"
MAGIC = struct.pack("<I", 2037412710)
HEADER = struct.Struct("<4sIII")
"""Magic, version, size of the project's JSON, size of the picture."""


def read(path: Path, known: Known) -> CameraFile:
    """Read the solved camera as a trajectory of one frame.

    Args:
        path: a .fspy project or fSpy's JSON export.
        known: only its rate is used.

    Raises:
        CameraError: fSpy had not solved a camera, or the file is incomplete or of another version.
    """
    parameters = _parameters(path.read_bytes())
    try:
        width, height = int(parameters["imageWidth"]), int(parameters["imageHeight"])
        pose = np.array(parameters["cameraTransform"]["rows"], dtype=np.float64)
        focal = float(parameters["relativeFocalLength"])
        shift_x, shift_y = (float(parameters["principalPoint"][axis]) for axis in "xy")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CameraError("The fSpy camera is incomplete", f"{error} is missing or is no number") from error
    unit = max(width, height) / 2
    intrinsics = intrinsics_matrix(focal * unit, focal * unit, width / 2 + shift_x * unit, height / 2 - shift_y * unit)
    if pose.shape != (4, 4):
        raise CameraError("The fSpy camera is incomplete", f"its transform is {list(pose.shape)}, expected [4, 4]")
    trajectory = Trajectory((pose @ OPENGL)[None], intrinsics, width, height, known.rate)
    return CameraFile(trajectory, NAME)


def _parameters(data: bytes) -> dict[str, Any]:
    """fSpy's cameraParameters, out of a project or a JSON export."""
    if not data.startswith(MAGIC):
        exported = parse_json(decoded_text(data))
        return exported if isinstance(exported, dict) else {}
    if len(data) < HEADER.size:
        raise CameraError("The fSpy project ends too early", f"{len(data)} bytes")
    _, version, state_bytes, _ = HEADER.unpack_from(data)
    if version != 1:
        raise CameraError("This version of the fSpy project is not known", f"version {version}, expected 1")
    state = parse_json(data[HEADER.size : HEADER.size + state_bytes].decode("utf-8", errors="replace"))
    parameters = state.get("cameraParameters") if isinstance(state, dict) else None
    if not isinstance(parameters, dict):
        raise CameraError(
            "The fSpy project has no camera",
            "it holds no cameraParameters",
            "Place the vanishing lines in fSpy until it shows no warning, save, and import again.",
        )
    return parameters
