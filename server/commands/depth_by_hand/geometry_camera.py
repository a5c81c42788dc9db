"""Where the photo's camera stands to the geometry of a file, and its lens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.focal_length import PhotoLens, photo_lens
from blender_addon.core.camera.formats.camera_file import CameraFile
from blender_addon.core.camera.formats.dispatch import read_trajectory
from blender_addon.core.camera.formats.frame_order import one_spelling
from blender_addon.core.camera.rotation import inverse
from blender_addon.core.errors import CameraError

AXES = {"opencv": np.eye(4), "blender": np.diag([1.0, -1.0, -1.0, 1.0])}
"""Maps [4, 4] of a camera's own axes to OpenCV's: x right, y down, z forward; or Blender's: x right, y up, z back."""


@dataclass(frozen=True, eq=False)
class GeometryCamera:
    """The photo's camera.

    Attributes:
        into_camera: [4, 4] the geometry's coordinates to metres in the camera's frame, OpenCV axes.
        lens: of the photo.
        notes: sentences on what was assumed.
    """

    into_camera: Float64
    lens: PhotoLens
    notes: tuple[str, ...] = ()


def camera_in_file(
    path: Path, photo: Path, size: tuple[int, int], frame: int | None, lens: PhotoLens, *, keep_lens: bool
) -> GeometryCamera:
    """The camera of the photo in a camera file, whose world the geometry is in.

    Args:
        path: the camera file.
        photo: looked for among the names of its pictures.
        size: (width, height) of the photo.
        frame: which of its cameras, from 0; None to find it by the photo's name, or to take the only one.
        lens: what is known of the photo's lens without the file.
        keep_lens: whether that goes before the file's.

    Raises:
        CameraError: the file cannot be read, or it is not certain which of its cameras took the photo.
    """
    file = read_trajectory(path, *size, intrinsics=lens.intrinsics)
    index = _frame(file, photo, frame)
    found = file.trajectory.intrinsics[index]
    if not keep_lens and not np.allclose(found, lens.intrinsics):
        lens = photo_lens(size, intrinsics=found)
    return GeometryCamera(inverse(file.trajectory.camera_to_world[index]), lens, file.notes)


def _frame(file: CameraFile, photo: Path, frame: int | None) -> int:
    count = len(file.trajectory)
    if frame is not None:
        if not 0 <= frame < count:
            raise CameraError(f"There is no camera {frame}", f"the file has {count}, counted from 0")
        return frame
    wanted = one_spelling(photo.stem)
    named = [index for index, name in enumerate(file.names) if one_spelling(Path(name).stem) == wanted]
    if len(named) == 1:
        return named[0]
    if count == 1:
        return 0
    raise CameraError(
        "Which of its cameras took the photo?",
        f"the file has {count}, {len(named)} of them named {photo.stem}",
        "Give its number with --frame, counted from 0.",
    )
