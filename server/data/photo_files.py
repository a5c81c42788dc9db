"""A photo and its depth from files, for the server's own commands (Blender reads them with its own means)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from blender_addon.core.depth_mesh import known_depth
from blender_addon.core.errors import PhotoError
from blender_addon.core.exr import UnsupportedExrError, depth_channel, read_exr_channel
from blender_addon.core.photo_checks import DoubtfulScaleError, check_aspect, check_depth
from blender_addon.core.shot import Float32, UInt8

_FLOATS = (".exr", ".npy", ".npz")


@dataclass(frozen=True)
class DepthUnit:
    """What the numbers of a depth file mean.

    scale: metres a unit. With focal (px of the file's own width) and baseline (metres) the numbers are disparities
    instead, scale is pixels a unit, and depth is focal * baseline / (disparity + offset).
    """

    scale: float = 1.0
    focal: float | None = None
    baseline: float | None = None
    offset: float = 0.0


METRES = DepthUnit()


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


def read_depth(path: Path, unit: DepthUnit) -> Float32:
    """[h, w] float32 metres along z, NaN where unknown: 16-bit PNG or TIFF, EXR, NPY, NPZ (its only array, or
    `depth`, or `disparity`).

    Raises PhotoError when the file cannot be read or holds no picture of one channel's meaning.
    """
    stored = _stored(path)
    if stored.ndim == 3:
        stored = stored[..., 0]
    if stored.ndim != 2:
        raise PhotoError(
            f"{path} is not a depth map", f"its shape is {list(stored.shape)}", "It needs one number a pixel."
        )
    numbers = stored.astype(np.float64)
    if unit.focal is None or unit.baseline is None:
        # Zero is how integer files say "unknown"; in float files it is no depth either.
        return known_depth(numbers * unit.scale)
    unknown = ~np.isfinite(numbers) | ((numbers == 0) & np.issubdtype(stored.dtype, np.integer))
    with np.errstate(divide="ignore", invalid="ignore"):
        metres = unit.focal * unit.baseline / (numbers * unit.scale + unit.offset)
    return known_depth(np.where(unknown, np.nan, metres))


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


def _stored(path: Path) -> NDArray[np.generic]:
    """The numbers as the file holds them."""
    try:
        if path.suffix.lower() in _FLOATS:
            return {".exr": _exr, ".npy": _npy, ".npz": _npz}[path.suffix.lower()](path)
        with Image.open(path) as file:
            if file.mode in ("P", "RGB", "RGBA") or (file.mode == "L"):
                raise PhotoError(
                    f"{path.name} is an 8-bit picture, not a depth map",
                    f"256 steps of {file.mode} are too coarse for metres",
                    "Export 16-bit PNG, EXR or NPY.",
                )
            return np.array(file)
    except (OSError, ValueError, av.FFmpegError) as error:
        raise PhotoError(
            f"The depth map {path} cannot be read", _reason(error), "Name a 16-bit PNG or TIFF, an EXR, NPY or NPZ."
        ) from error


def _reason(error: Exception) -> str:
    """Why a file could not be read, without the file's name."""
    if isinstance(error, UnidentifiedImageError):
        return "it is not a picture"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _exr(path: Path) -> NDArray[np.generic]:
    """The depth among its channels, Blender's Z too; of compressions that only FFmpeg reads, a file of one layer."""
    try:
        return read_exr_channel(path, depth_channel(path))
    except UnsupportedExrError:
        pass
    with av.open(str(path)) as file:
        frame = next(file.decode(video=0))
        layout = frame.format.name
        return np.asarray(frame.to_ndarray() if layout == "grayf32le" else frame.to_ndarray(format="gbrpf32le"))


def _npy(path: Path) -> NDArray[np.generic]:
    return np.asarray(np.load(path, allow_pickle=False))


def _npz(path: Path) -> NDArray[np.generic]:
    with np.load(path, allow_pickle=False) as file:
        names = file.files
        usual = [name for name in ("depth", "disparity") if name in names]
        if not usual and len(names) != 1:
            raise PhotoError(f"{path.name} holds {len(names)} arrays", ", ".join(names), "Name one of them `depth`.")
        return np.asarray(file[(usual or names)[0]])
