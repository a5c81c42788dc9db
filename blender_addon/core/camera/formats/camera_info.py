"""The camera files of today's data sets: AC3D's JSON, Lyra's NPZ, RealCam-Vid's NPZ; read only.

All hold world-to-camera matrices, OpenCV axes. AC3D's (imH, imW, intrinsics, w2c) and Lyra's (image_height,
image_width, intrinsics, w2c) have intrinsics in pixels. RealCam-Vid's (camera_intrinsics, camera_extrinsics,
align_factor) have fx and cx as parts of the width, fy and cy as parts of the height; their unit times align_factor is
in metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import BROKEN_ARRAYS, Float64
from ...errors import CameraError
from ..trajectory import Trajectory, inverse, orthonormalised
from .camera_file import CameraFile, Known, pose_matrices
from .pose_convention import inverted_pose_note
from .text_lines import LARGEST, parse_json, read_text

NAME = "camera-info"
MAGIC = b"PK\x03\x04"
"""The first bytes of an NPZ."""
POSES = ("w2c", "camera_extrinsics")
"""Keys of the poses, by which a file is known."""
_LENSES = ("intrinsics", "camera_intrinsics")
_SIZES = (("imW", "imH"), ("image_width", "image_height"))
_KNOWN_LAYOUTS = "Lyra's w2c with intrinsics, and RealCam-Vid's camera_extrinsics with camera_intrinsics"


def read(path: Path, known: Known) -> CameraFile:
    """Read a clip's cameras.

    Args:
        path: the JSON or NPZ file.
        known: must give the size where the file does not; its intrinsics are used where the file has none.

    Raises:
        CameraError: the size is not known, or the file has not the arrays of one clip in one of these forms.
    """
    with path.open("rb") as file:
        packed = file.read(len(MAGIC)) == MAGIC
    values = _arrays(path) if packed else parse_json(read_text(path))
    if not isinstance(values, Mapping):
        raise CameraError("The file holds no camera", "it is no object with poses")
    return of_values(values, known)


def of_values(values: Mapping[str, Any], known: Known) -> CameraFile:
    """A clip's cameras from the arrays of one file, or of one row of a data set's table.

    Args:
        values: by the names of one of these forms; RealCam-Vid's without align_factor stay in their own unit.
        known: see `read`.

    Raises:
        CameraError: see `read`.
    """
    key = next((key for key in POSES if key in values), None)
    if key is None:
        raise CameraError("The file holds no camera", f"its arrays are {', '.join(values) or 'none'}", _remedy())
    matrices = _numbers(values, key)
    if matrices.ndim != 3 or matrices.shape[1:] not in ((3, 4), (4, 4)) or len(matrices) == 0:
        raise CameraError("The poses have the wrong shape", f"{key} is {list(matrices.shape)}, expected [F, 3, 4]")
    size = _size(values, known)
    intrinsics, notes = _intrinsics(values, size, len(matrices), known)
    world_to_camera = orthonormalised(pose_matrices(matrices[:, :3, :3], matrices[:, :3, 3]))
    trajectory = Trajectory(inverse(world_to_camera), intrinsics, *size, known.rate)
    if "align_factor" in values:
        trajectory = trajectory.rescale(_factor(values))
    return CameraFile(trajectory, NAME).with_notes(
        *notes, inverted_pose_note(trajectory.camera_to_world, "world-to-camera")
    )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an NPZ that a camera may be in; others, which may be its pictures, are only named."""
    wanted = {*POSES, *_LENSES, "align_factor", *(key for pair in _SIZES for key in pair)}
    try:
        # Of a broken archive NumPy leaves a file open that it opened itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] if name in wanted else np.empty(0) for name in archive.files}
    except BROKEN_ARRAYS as error:
        raise CameraError(
            "The NPZ is no camera file", str(error), f"Save the arrays of one clip, as numbers: {_KNOWN_LAYOUTS}."
        ) from error


def _remedy() -> str:
    return f"RealCam reads {_KNOWN_LAYOUTS}."


def _numbers(values: Mapping[str, Any], key: str) -> Float64:
    try:
        array = np.array(values[key], dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise CameraError(f"{key} is not numbers", "its rows differ in length, or hold something else") from error
    if not (np.abs(array) < LARGEST).all():
        raise CameraError(f"{key} is not numbers", "NaN or infinite entries")
    return array


def _size(values: Mapping[str, Any], known: Known) -> tuple[int, int]:
    for pair in _SIZES:
        if all(key in values for key in pair):
            side = [_numbers(values, key) for key in pair]
            if any(number.size != 1 or not 1 <= number.item() < 1e6 for number in side):
                raise CameraError(
                    "The picture has no area", f"{pair[0]} x {pair[1]} is {values[pair[0]]!r} x {values[pair[1]]!r}"
                )
            return round(side[0].item()), round(side[1].item())
    return known.needed_size("This camera file")


def _intrinsics(
    values: Mapping[str, Any], size: tuple[int, int], count: int, known: Known
) -> tuple[Float64, tuple[str, ...]]:
    """[count, 3, 3] pixels, and notes."""
    key = next((key for key in _LENSES if key in values), None)
    if key is None:
        return known.lens(size, count)
    lens = _numbers(values, key)
    if lens.shape in ((4,), (count, 4)):
        return np.broadcast_to(_of_parts(lens, size), (count, 3, 3)), ()
    if lens.shape not in ((3, 3), (count, 3, 3)):
        raise CameraError("The intrinsics have the wrong shape", f"{key} is {list(lens.shape)} for {count} poses")
    return np.broadcast_to(lens, (count, 3, 3)), ()


def _of_parts(lens: Float64, size: tuple[int, int]) -> Float64:
    """[..., 3, 3] pixels from (fx, fy, cx, cy) [..., 4] in units of the width and height, or in pixels."""
    # A principal point in parts of the picture is near 0.5, one in pixels is not.
    scale = np.array([*size, *size]) if np.abs(lens).max() <= 20 else np.ones(4)
    matrices = np.zeros((*lens.shape[:-1], 3, 3))
    matrices[..., [0, 1, 0, 1], [0, 1, 2, 2]] = lens * scale
    matrices[..., 2, 2] = 1
    return matrices


def _factor(values: Mapping[str, Any]) -> float:
    factor = _numbers(values, "align_factor")
    if factor.size != 1 or not factor.item() > 0:
        raise CameraError("align_factor is no scale", repr(values["align_factor"]))
    return float(factor.item())
