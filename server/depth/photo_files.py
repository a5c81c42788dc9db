"""A photo and its depth from files, for the server's own commands (Blender reads them with its own means)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from blender_addon.core.arrays import Float32, UInt8
from blender_addon.core.depth.depth_file import DepthFormat, read_depth_file
from blender_addon.core.depth.depth_mesh import known_depth
from blender_addon.core.depth.photo_checks import DoubtfulScaleError, check_aspect, check_depth
from blender_addon.core.errors import PhotoError


@dataclass(frozen=True, eq=False)
class PhotoFile:
    """pixels: [h, w, 3] uint8 sRGB, upright. focal_35mm: millimetres, None when the file does not say."""

    pixels: UInt8
    focal_35mm: float | None


def read_photo(path: Path) -> PhotoFile:
    """The photo as it is meant to be seen (EXIF orientation applied). Raises PhotoError."""
    try:
        with Image.open(path) as file:
            exif = file.getexif()
            upright = ImageOps.exif_transpose(file).convert("RGB")
    except OSError as error:
        raise PhotoError(
            f"The photo {path} cannot be read", _reason(error), "Name a picture: JPEG, PNG, TIFF or WebP."
        ) from error
    focal = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.FocalLengthIn35mmFilm) or None
    return PhotoFile(np.array(upright, dtype=np.uint8), float(focal) if focal else None)


def read_depth(path: Path, depth_format: DepthFormat) -> Float32:
    """[h, w] float32 metres along z, NaN where unknown or not positive; see core.depth_file. Raises PhotoError."""
    return known_depth(read_depth_file(path, depth_format, _Pictures()))


def check_photo_and_depth(photo: UInt8, depth: Float32) -> list[str]:
    """Refuse depth that does not fit the photo or is no scene; return sentences about one that is merely unlikely.

    Raises PhotoError.
    """
    check_aspect((photo.shape[1], photo.shape[0]), (depth.shape[1], depth.shape[0]))
    try:
        check_depth(depth)
    except DoubtfulScaleError as question:
        return [question.sentence]
    return []


def _reason(error: Exception) -> str:
    """Why a file could not be read, without the file's name."""
    if isinstance(error, UnidentifiedImageError):
        return "it is not a picture"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


class _Pictures:
    """A PictureDecoder: Pillow, and FFmpeg for EXR."""

    def numbers(self, path: Path) -> NDArray[Any]:
        """Refuses 8 bits."""
        try:
            with Image.open(path) as file:
                if file.mode in ("P", "L", "RGB", "RGBA"):
                    raise PhotoError(
                        f"{path.name} is an 8-bit picture, not a depth map",
                        f"256 steps of {file.mode} are too coarse for metres",
                        "Export 16-bit PNG, EXR or NPY.",
                    )
                return np.array(file)
        except (OSError, ValueError) as error:
            raise PhotoError(
                f"The depth map {path} cannot be read", _reason(error), "Name a 16-bit PNG or TIFF, an EXR, NPY or NPZ."
            ) from error

    def single_layer(self, path: Path) -> NDArray[Any] | None:
        """FFmpeg reads one layer only."""
        try:
            with av.open(str(path)) as file:
                frame = next(file.decode(video=0))
        except (OSError, StopIteration, av.FFmpegError):
            return None
        grey = frame.format.name == "grayf32le"
        return np.asarray(frame.to_ndarray() if grey else frame.to_ndarray(format="gbrpf32le")[..., 0])
