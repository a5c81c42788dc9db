"""transforms.json of NeRF tools (instant-ngp, nerfstudio, Blender's synthetic scenes, NeuS2).

camera-to-world, OpenGL's camera axes (y up, looking along -z) in a world of any orientation and unit; NeuS2's, which
says "from_na", has OpenCV's axes. Intrinsics are fl_x fl_y cx cy in pixels, for the file or for each frame, or an angle
of view, or NeuS2's intrinsic_matrix; (0.5, 0.5) is the centre of the top-left pixel, as in COLMAP, which they mostly
come from.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....arrays import Float64
from ....errors import CameraError
from ...projection import intrinsics_matrix
from ...trajectory import Trajectory
from ..camera_file import OPENGL, CameraFile, Known
from ..frame_order import natural_order, picture_name, reordered_note
from ..lens_models import check_pinhole, intrinsics_of_one_size
from ..pose_convention import inverted_pose_note
from ..text_lines import LARGEST, parse_json, read_text

NAME = "transforms"
DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
"""Keys of distortion parameters, which a pinhole leaves out."""
NO_PINHOLE = ("is_fisheye", "latlong", "equirectangular", "orthographic")
"""Keys by which instant-ngp says that a lens is of another kind."""
FTHETA = "ftheta_"
"""How the keys of instant-ngp's f-theta lens begin."""


def read(path: Path, known: Known) -> CameraFile:
    """Read transforms.json, frames in the order of their pictures' names.

    Args:
        path: the file; picture names are looked up beside it.
        known: its size is used where the file has none.

    Returns:
        The cameras, in pixels of the first picture's size; pictures that are not on disk are listed in `missing`.

    Raises:
        CameraError: the file has no frames, a lens that is no pinhole, pictures of different aspects, no focal length,
            or a malformed pose.
    """
    document = parse_json(read_text(path))
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise CameraError("The file holds no camera", 'no list "frames" of objects')
    listed = [picture_name(str(frame.get("file_path", f"frame {index}"))) for index, frame in enumerate(frames)]
    order = natural_order(listed)
    names = tuple(listed[index] for index in order)
    # What the document says counts for every frame that does not say otherwise.
    described = [{**document, **frames[index]} for index in order]
    for name, values in zip(names, described, strict=True):
        _check_lens(name, values)
    sizes = [_size(values, known) for values in described]
    poses = np.stack([pose_of(frames[index], "transform_matrix", listed[index]) for index in order])
    poses = poses if document.get("from_na") is True else poses @ OPENGL
    lenses = [_intrinsics(values, *size) for values, size in zip(described, sizes, strict=True)]
    intrinsics = intrinsics_of_one_size(lenses, sizes, names)
    trajectory = Trajectory(poses, intrinsics, *sizes[0], known.rate)
    missing = tuple(name for name in names if not _exists(path.parent / name))
    return CameraFile(trajectory, NAME, names=names, missing=missing).with_notes(
        reordered_note(order),
        _distortion_note(described),
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


def pose_of(values: Mapping[str, Any], key: str, name: str) -> Float64:
    """The pose [4, 4] of a frame, from rows or from the 16 or 12 numbers of them in one list.

    Args:
        values: the frame.
        key: where its pose stands.
        name: of its picture, for the error.

    Raises:
        CameraError: it has none, or one of another shape.
    """
    try:
        matrix = np.array(values[key], dtype=np.float64)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise CameraError("A frame has no pose", f"{name}: {key} is missing or is not numbers") from error
    if matrix.shape in ((16,), (12,)):
        matrix = matrix.reshape(-1, 4)
    if matrix.shape not in ((3, 4), (4, 4)):
        raise CameraError("A pose has the wrong shape", f"{name}: {list(matrix.shape)}, expected [4, 4]")
    return matrix if len(matrix) == 4 else np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]])


def number_of(values: Mapping[str, Any], key: str) -> float | None:
    """The number that stands at a key, None where there is none.

    Raises:
        CameraError: it is no number, or none below LARGEST.
    """
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
        raise CameraError(f"{key} is not a number", repr(value))
    return float(value)


def _check_lens(name: str, values: Mapping[str, Any]) -> None:
    check_pinhole(str(values.get("camera_model") or "PINHOLE"), name)
    other = next((key for key in NO_PINHOLE if values.get(key)), None)
    other = other or next((key for key in values if key.startswith(FTHETA)), None)
    if other:
        raise CameraError("This camera is no pinhole", f"{name}: {other}", "Undistort the pictures first.")


def _size(values: Mapping[str, Any], known: Known) -> tuple[int, int]:
    width, height = number_of(values, "w"), number_of(values, "h")
    if width is None or height is None:
        return known.needed_size("This transforms.json")
    return round(width), round(height)


def _intrinsics(values: Mapping[str, Any], width: int, height: int) -> Float64:
    if values.get("intrinsic_matrix") is not None:
        return _matrix(values["intrinsic_matrix"])
    fl_x, fl_y = _focal(values, "x", width), _focal(values, "y", height)
    if fl_x is None:
        raise CameraError("The file has no focal length", "neither fl_x nor camera_angle_x")
    cx, cy = number_of(values, "cx"), number_of(values, "cy")
    return intrinsics_matrix(
        fl_x,
        fl_x if fl_y is None else fl_y,
        width / 2 if cx is None else cx,
        height / 2 if cy is None else cy,
    )


def _focal(values: Mapping[str, Any], axis: str, side: int) -> float | None:
    """Pixels, from fl_x, or from camera_angle_x in radians or x_fov in degrees; None where none is given."""
    focal = number_of(values, f"fl_{axis}")
    if focal is not None:
        return focal
    angle, degrees = number_of(values, f"camera_angle_{axis}"), number_of(values, f"{axis}_fov")
    if angle is None and degrees is not None:
        angle = float(np.radians(degrees))
    if angle is None or not 0 < angle < np.pi:
        return None
    return float(side / (2 * np.tan(angle / 2)))


def _matrix(value: Any) -> Float64:
    """[3, 3] of NeuS2's intrinsic_matrix, which is [3, 3], [3, 4] or [4, 4]."""
    try:
        matrix = np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise CameraError("The intrinsics are not numbers", "intrinsic_matrix") from error
    if matrix.shape not in ((3, 3), (3, 4), (4, 4)):
        raise CameraError("The intrinsics have the wrong shape", f"intrinsic_matrix is {list(matrix.shape)}")
    return matrix[:3, :3]


def _distortion_note(described: Sequence[Mapping[str, Any]]) -> str:
    strongest = max(abs(number_of(values, key) or 0.0) for values in described for key in DISTORTION)
    return f"The lens is distorted (up to {strongest:.2g}); the pinhole leaves that out." if strongest else ""


def _exists(picture: Path) -> bool:
    # The synthetic scenes name their pictures without the ending; macOS may have written their accents in another way.
    spellings = (str(picture), *(unicodedata.normalize(form, str(picture)) for form in ("NFC", "NFD")))
    return any(Path(name).is_file() or Path(f"{name}.png").is_file() for name in spellings)
