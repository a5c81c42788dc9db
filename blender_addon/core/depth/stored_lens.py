"""The lens that a depth file stores: the array `intrinsics` of an NPZ, as `realcam depth` makes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..arrays import BROKEN_ARRAYS, Float64
from ..camera.projection import scaled_intrinsics
from ..camera.trajectory import check_intrinsics
from ..errors import CameraError, PhotoError

NAME = "intrinsics"
_MIDDLE = (0.25, 0.75)
"""Where a photo's principal point lies, as a share of its width and height: what tells the units of intrinsics."""


def stored_lens(path: Path, photo_size: tuple[int, int], depth_size: tuple[int, int]) -> Float64 | None:
    """The intrinsics that a depth file stores, [3, 3] in pixels of the photo; None where it stores none.

    Ours are in pixels of the photo. Others write them in pixels of the depth, or as shares of its width and height; the
    principal point, which is near the middle, tells which.

    Args:
        path: the depth file, whose depth has been read.
        photo_size: (width, height) of the photo.
        depth_size: (width, height) of the depth.

    Raises:
        PhotoError: they are no camera of this photo.
    """
    if path.suffix.lower() != ".npz":
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = np.asarray(arrays[NAME], dtype=np.float64) if NAME in arrays.files else None
    except (OSError, *BROKEN_ARRAYS) as error:
        raise _no_lens(path, str(error)) from error
    if found is None:
        return None
    found = found[0] if found.shape == (1, 3, 3) else found
    if found.shape != (3, 3):
        raise _no_lens(path, f"they have the form {list(found.shape)}")
    for size in (photo_size, depth_size, (1, 1)):
        centre = found[:2, 2] / size
        if ((_MIDDLE[0] <= centre) & (centre <= _MIDDLE[1])).all():
            lens = scaled_intrinsics(found, size, photo_size)
            try:
                check_intrinsics(lens[None])
            except CameraError as error:
                raise _no_lens(path, error.why) from error
            return lens
    x, y = found[:2, 2]
    raise _no_lens(path, f"their principal point is {x:g}, {y:g}, the photo has {photo_size[0]} x {photo_size[1]}")


def _no_lens(path: Path, why: str) -> PhotoError:
    return PhotoError(
        f"The intrinsics stored in {path.name} are not this photo's",
        why,
        "Type the focal length or the calibration; on the command line --focal-mm or --intrinsics.",
    )
