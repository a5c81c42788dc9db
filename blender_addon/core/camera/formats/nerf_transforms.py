"""transforms.json of NeRF tools (instant-ngp, nerfstudio, Blender's synthetic scenes).

camera-to-world, OpenGL's camera axes (y up, looking along -z) in a world of any orientation and unit. Intrinsics are
fl_x fl_y cx cy in pixels, for the file or for each frame, or camera_angle_x alone; (0.5, 0.5) is the centre of the
top-left pixel, as in COLMAP, which they mostly come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Float64
from ...errors import CameraError
from ..projection import intrinsics_matrix
from ..trajectory import Trajectory
from .camera_file import LARGEST, OPENGL, CameraFile, Known, read_text
from .pose_convention import inverted_pose_note

NAME = "transforms"
DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")
"""Keys of distortion parameters, which a pinhole leaves out."""


def read(path: Path, known: Known) -> CameraFile:
    """Read transforms.json, frames in the file's order.

    Args:
        path: the file; picture names are looked up beside it.
        known: its size is used where the file has none.

    Returns:
        The cameras; pictures that are not on disk are listed in `missing`.

    Raises:
        CameraError: the file has no frames, a fisheye, no focal length, or a malformed pose.
    """
    document = parse_json(read_text(path))
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise CameraError("The file holds no camera", 'no list "frames" of objects')
    if "FISHEYE" in str(document.get("camera_model", "")):
        raise CameraError("This camera is no pinhole", str(document["camera_model"]), "Undistort the pictures first.")
    width, height = _size(document, frames[0], known)
    names = tuple(str(frame.get("file_path", f"frame {index}")) for index, frame in enumerate(frames))
    poses = np.stack([_pose(frame, name) for frame, name in zip(frames, names, strict=True)])
    intrinsics = np.stack([_intrinsics({**document, **frame}, width, height) for frame in frames])
    trajectory = Trajectory(poses @ OPENGL, intrinsics, width, height, known.rate(None))
    missing = tuple(name for name in names if not _exists(path.parent / name))
    return CameraFile(trajectory, NAME, names=names, missing=missing).with_notes(
        _distortion_note(document, frames),
        f"{len(missing)} of {len(names)} pictures are not where the file says, first {missing[0]}." if missing else "",
        inverted_pose_note(trajectory.camera_to_world, "camera-to-world"),
    )


def write(path: Path, trajectory: Trajectory, names: Sequence[str], timestamps: Float64 | None) -> None:
    """Write transforms.json, with the lens stored for each frame.

    Args:
        path: the file.
        trajectory: its frame rate is not kept.
        names: [F] picture names; empty for images/0000.png and so on.
        timestamps: not kept.
    """
    named = names or [f"images/{index:04d}.png" for index in range(len(trajectory))]
    frames = []
    for name, k, pose in zip(named, trajectory.intrinsics, trajectory.camera_to_world @ OPENGL, strict=True):
        lens = {"fl_x": k[0, 0], "fl_y": k[1, 1], "cx": k[0, 2], "cy": k[1, 2]}
        frames.append({"file_path": name, **lens, "transform_matrix": pose.tolist()})
    document = {"camera_model": "PINHOLE", "w": trajectory.width, "h": trajectory.height, "frames": frames}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def parse_json(text: str) -> Any:
    """The parsed document.

    Raises:
        CameraError: the text is not valid JSON, nested too deep, or has too long a number.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CameraError("The file is no valid JSON", f"line {error.lineno}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise CameraError(
            "The file is no JSON that can be read", "nested too deep, or with too long a number"
        ) from error


def _pose(frame: Mapping[str, Any], name: str) -> Float64:
    try:
        matrix = np.array(frame["transform_matrix"], dtype=np.float64)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise CameraError("A frame has no pose", f"{name}: transform_matrix is missing or is not numbers") from error
    if matrix.shape not in ((3, 4), (4, 4)):
        raise CameraError("A pose has the wrong shape", f"{name}: {list(matrix.shape)}, expected [4, 4]")
    return matrix if len(matrix) == 4 else np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]])


def _number(values: Mapping[str, Any], key: str) -> float | None:
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        raise CameraError(f"{key} is not a number", repr(value))
    return float(value)


def _size(document: Mapping[str, Any], frame: Mapping[str, Any], known: Known) -> tuple[int, int]:
    values = {**document, **frame}
    width, height = _number(values, "w"), _number(values, "h")
    if width is None or height is None:
        return known.needed_size("This transforms.json")
    return round(width), round(height)


def _intrinsics(values: Mapping[str, Any], width: int, height: int) -> Float64:
    fl_x, angle_x = _number(values, "fl_x"), _number(values, "camera_angle_x")
    if fl_x is None:
        if angle_x is None or not 0 < angle_x < np.pi:
            raise CameraError("The file has no focal length", "neither fl_x nor camera_angle_x")
        fl_x = width / (2 * np.tan(angle_x / 2))
    fl_y, cx, cy = _number(values, "fl_y"), _number(values, "cx"), _number(values, "cy")
    return intrinsics_matrix(
        fl_x,
        fl_x if fl_y is None else fl_y,
        width / 2 if cx is None else cx,
        height / 2 if cy is None else cy,
    )


def _distortion_note(document: Mapping[str, Any], frames: Sequence[Mapping[str, Any]]) -> str:
    strongest = max(abs(_number({**document, **frame}, key) or 0.0) for frame in frames for key in DISTORTION)
    return f"The lens is distorted (up to {strongest:.2g}); the pinhole leaves that out." if strongest else ""


def _exists(picture: Path) -> bool:
    # The synthetic scenes name their pictures without the ending.
    return picture.is_file() or Path(f"{picture}.png").is_file()
