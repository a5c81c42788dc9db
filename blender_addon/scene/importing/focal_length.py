"""Where the photo's focal length comes from: its EXIF, the artist, or a guess. Always said, never silent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Float64
from ...core.camera.lens import DEFAULT_HORIZONTAL_FOV, focal_pixels, full_frame_focal
from ...core.camera.projection import intrinsics_from_fov, intrinsics_matrix
from ...core.errors import PhotoError


@dataclass(frozen=True, eq=False)
class PhotoLens:
    """intrinsics: [3, 3] pixels of the photo. source: a few words for the panel, e.g. "EXIF, 26 mm (35 mm eq.)"."""

    intrinsics: Float64
    source: str


def photo_lens(
    size: tuple[int, int],
    exif_mm: float | None,
    typed_mm: float | None,
    intrinsics: Float64 | None = None,
    *,
    prefer_typed: bool = False,
) -> PhotoLens:
    """The photo's intrinsics: those given, else EXIF, else the typed focal length, else 55 degrees across.

    size: (width, height). exif_mm, typed_mm: 35 mm equivalents. prefer_typed: the artist does not believe the EXIF.
    Raises PhotoError for a focal length that is not positive.
    """
    width, height = size
    if intrinsics is not None:
        mm = full_frame_focal(float(intrinsics[0, 0]), width, height)
        return PhotoLens(np.asarray(intrinsics, dtype=np.float64), f"calibrated, {mm:.1f} mm (35 mm eq.)")
    if typed_mm is not None and not (np.isfinite(typed_mm) and typed_mm > 0):
        raise PhotoError("The focal length is not a positive number", f"{typed_mm:g} mm")
    if exif_mm and not (prefer_typed and typed_mm):
        return PhotoLens(_centred(exif_mm, size), f"EXIF, {exif_mm:g} mm (35 mm eq.)")
    if typed_mm:
        return PhotoLens(_centred(typed_mm, size), f"typed, {typed_mm:g} mm (35 mm eq.)")
    degrees = np.degrees(DEFAULT_HORIZONTAL_FOV)
    return PhotoLens(intrinsics_from_fov(width, height, DEFAULT_HORIZONTAL_FOV), f"assumed, {degrees:g}° across")


def _centred(mm: float, size: tuple[int, int]) -> Float64:
    focal = focal_pixels(mm, *size)
    return intrinsics_matrix(focal, focal, size[0] / 2, size[1] / 2)
