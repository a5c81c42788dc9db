"""A photo's focal length and where it comes from: calibration, typed value, the depth's file, EXIF, a depth network,
or an assumption.

One rule for Blender, for the depth service and for the command line: the same photo with the same numbers has the
same camera everywhere. The source is always part of the result, so that the artist can be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from ..arrays import Float64
from ..errors import PhotoError
from .lens import DEFAULT_HORIZONTAL_FOV, focal_pixels, full_frame_focal
from .projection import intrinsics_from_fov, intrinsics_matrix
from .trajectory import check_intrinsics

_LONGEST = 1e6
"""Millimetres (a kilometre). No camera has a longer focal length, and its pixels would be too large to compute with."""


class FocalSource(Enum):
    """Where a focal length came from, in order of precedence. The value is the text that the artist reads."""

    CALIBRATED = "calibrated"
    TYPED = "typed"
    STORED = "stored with the depth"
    EXIF = "EXIF"
    PREDICTED = "predicted from the photo"
    ASSUMED = "assumed"


@dataclass(frozen=True, eq=False)
class PhotoLens:
    """A photo's intrinsics, where the focal length came from, and how that is told.

    Attributes:
        intrinsics: [3, 3] float64, in pixels of the photo.
        source: which of the candidate focal lengths was used.
        words: for the artist, for example "EXIF, 26 mm (35 mm eq.)".
    """

    intrinsics: Float64
    source: FocalSource
    words: str


def photo_lens(
    size: tuple[int, int],
    *,
    intrinsics: Float64 | None = None,
    focal_mm: float | None = None,
    stored: Float64 | None = None,
    exif_mm: float | None = None,
    predicted: Float64 | None = None,
) -> PhotoLens:
    """The photo's lens: the calibration, else the typed focal length, else what the depth file stores, else EXIF, else
    the prediction, else 55 degrees.

    A focal length in millimetres stands for square pixels and a principal point in the middle of the photo.

    Args:
        size: (width, height) of the photo, pixels.
        intrinsics: [3, 3] of a calibrated camera, in pixels of the photo; None when the camera is not calibrated.
        focal_mm: typed by the artist, 35 mm equivalent; None when nothing was typed.
        stored: [3, 3] in pixels of the photo, from the depth's file, whose depth belongs to it; None when it has none.
        exif_mm: from the photo's EXIF, 35 mm equivalent; None when EXIF has none.
        predicted: [3, 3] in pixels of the photo, from a depth network; None when it predicts no lens.

    Returns:
        The lens of the first of these that is known. The field of view of 55 degrees is horizontal.

    Raises:
        PhotoError: the focal length that is used is not a positive number below 1e6 mm.
        CameraError: the intrinsics that are used are not a pinhole camera's.
    """
    if intrinsics is not None:
        return _known(intrinsics, size, FocalSource.CALIBRATED)
    if focal_mm is not None:
        return _centred(focal_mm, size, FocalSource.TYPED)
    if stored is not None:
        return _known(stored, size, FocalSource.STORED)
    if exif_mm is not None:
        return _centred(exif_mm, size, FocalSource.EXIF)
    if predicted is not None:
        return _known(predicted, size, FocalSource.PREDICTED)
    degrees = np.degrees(DEFAULT_HORIZONTAL_FOV)
    assumed = intrinsics_from_fov(*size, DEFAULT_HORIZONTAL_FOV)
    return PhotoLens(assumed, FocalSource.ASSUMED, f"{FocalSource.ASSUMED.value}, {degrees:g}° across")


def focal_words(source: FocalSource, millimetres: float) -> str:
    """The text that tells the artist a focal length and its source.

    Args:
        source: where the focal length came from.
        millimetres: 35 mm equivalent; rounded to 0.01 mm.

    Returns:
        For example "EXIF, 26 mm (35 mm eq.)".
    """
    return f"{source.value}, {round(millimetres, 2):g} mm (35 mm eq.)"


def check_focal_mm(millimetres: float) -> None:
    """Raise PhotoError unless this can be a photo's focal length.

    Args:
        millimetres: 35 mm equivalent.

    Raises:
        PhotoError: it is not a number, not positive, or not below 1e6 mm.
    """
    # Written so that NaN is refused.
    if not 0 < millimetres < _LONGEST:
        raise PhotoError(
            "This is no photo's focal length",
            f"{millimetres:g} mm",
            "Give its 35 mm equivalent, a positive number of millimetres.",
        )


def _centred(millimetres: float, size: tuple[int, int], source: FocalSource) -> PhotoLens:
    check_focal_mm(millimetres)
    focal = focal_pixels(millimetres, *size)
    centred = intrinsics_matrix(focal, focal, size[0] / 2, size[1] / 2)
    return PhotoLens(centred, source, focal_words(source, millimetres))


def _known(intrinsics: Float64, size: tuple[int, int], source: FocalSource) -> PhotoLens:
    matrix = np.asarray(intrinsics, dtype=np.float64)
    check_intrinsics(matrix[None])
    return PhotoLens(matrix, source, focal_words(source, full_frame_focal(float(matrix[0, 0]), *size)))
