"""Read a photo and its depth from files on the server: core's rules, decoded by Pillow and FFmpeg."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.arrays import Bool, Float32, Float64, UInt8
from blender_addon.core.depth.calibration.depth_law import Numbers
from blender_addon.core.depth.depth_file import read_depth_file, read_stored_depth
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.depth.depth_question import says_metres
from blender_addon.core.depth.photo_checks import check_aspect, check_depth
from blender_addon.core.errors import PhotoError
from blender_addon.core.photo.photo_file import photo_facts, undecodable_photo, upright
from blender_addon.core.photo.picture_header import PictureHeader

# Pillow's default warns of photos above 89 Mpx, which cameras take, and refuses twice that.
Image.MAX_IMAGE_PIXELS = 180_000_000

_UNDECODABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a broken file; errors of its PNG reader are SyntaxErrors."""


@dataclass(frozen=True, eq=False)
class PhotoFile:
    """A photo as read.

    Attributes:
        pixels: [h, w, 3] uint8 sRGB, upright.
        focal_35mm: 35 mm equivalent from EXIF, millimetres; None when the file has none.
    """

    pixels: UInt8
    focal_35mm: float | None


def read_photo(path: Path) -> PhotoFile:
    """Read a photo upright (EXIF orientation applied).

    Raises:
        PhotoError: it cannot be read; see core.photo.photo_file.
    """
    facts = photo_facts(path)
    try:
        with Image.open(path) as file:
            pixels = np.array(file.convert("RGB"))
            # Pillow turns a TIFF as it reads it, and no other picture.
            orientation = 1 if file.format == "TIFF" else facts.orientation
    except _UNDECODABLE as error:
        raise undecodable_photo(path) from error
    return PhotoFile(np.ascontiguousarray(upright(pixels, orientation)), facts.focal_35mm)


def read_photo_size(path: Path) -> tuple[tuple[int, int], float | None]:
    """((width, height) of a photo upright, its 35 mm equivalent from EXIF or None), without decoding its pixels.

    Raises:
        PhotoError: it cannot be read; see core.photo.photo_file.
    """
    facts = photo_facts(path)
    try:
        with Image.open(path) as file:
            width, height = file.size
            # Pillow tells the size of a TIFF as it reads it, turned.
            lies = facts.orientation >= 5 and file.format != "TIFF"
    except _UNDECODABLE as error:
        raise undecodable_photo(path) from error
    return ((height, width) if lies else (width, height)), facts.focal_35mm


def read_mask(path: Path) -> Bool:
    """A mask in a picture: what is not transparent if it has transparency, else what is brighter than mid grey.

    Returns:
        [h, w] bool, True inside.

    Raises:
        PhotoError: it cannot be read.
    """
    if not path.is_file():
        raise PhotoError("There is no such mask", f"{path} is a folder" if path.is_dir() else str(path))
    try:
        with Image.open(path) as file:
            alpha = np.array(file.convert("RGBA"))[..., 3]
            grey = np.array(file.convert("L"))
    except _UNDECODABLE as error:
        raise PhotoError("The mask cannot be read", f"{path} is no picture", "Save it as PNG.") from error
    return np.asarray((alpha if alpha.min() < 255 else grey) >= 128)


def read_depth(path: Path, depth_format: DepthFormat, *, trust_unit: bool = False) -> Float32:
    """Read a depth file.

    Args:
        path: the file.
        depth_format: what its numbers mean.
        trust_unit: do not doubt the unit.

    Returns:
        [h, w] float32 metres along z, NaN where unknown; see core.depth.depth_file.

    Raises:
        DepthQuestionError: it is not certain what the numbers mean.
        PhotoError: it cannot be read, or the format is not complete.
    """
    return read_depth_file(path, depth_format, _Pictures(), trust_unit=trust_unit)


@dataclass(frozen=True, eq=False)
class DepthPicture:
    """A depth file's numbers before they are metres.

    Attributes:
        numbers: [h, w] float64, NaN where unknown.
        kind: whether they are metres, though wrong ones, or relative.
    """

    numbers: Float64
    kind: Numbers


def read_depth_picture(path: Path, channel: str = "", unknown: float | None = None) -> DepthPicture:
    """Read a depth file's numbers as they are stored, to be calibrated.

    Args:
        path: the file.
        channel: name of the array or channel, "" to find it.
        unknown: a stored number that means no depth, besides NaN, infinities, and 0 where numbers are a length.

    Raises:
        PhotoError: it cannot be read.
    """
    stored = read_stored_depth(path, channel, _Pictures())
    numbers = stored.numbers.astype(np.float64)
    metric = says_metres(stored)
    none = ~np.isfinite(numbers) | (numbers == unknown) | (metric & (numbers <= 0))
    return DepthPicture(np.where(none, np.nan, numbers), "metric" if metric else "relative")


def check_photo_and_depth(photo: UInt8, depth: Float32) -> None:
    """Refuse depth that does not fit the photo or is no scene.

    Args:
        photo: [H, W, 3].
        depth: [h, w] metres along z, NaN where unknown.

    Raises:
        PhotoError: the aspects differ, or the depth is no scene.
    """
    check_aspect((photo.shape[1], photo.shape[0]), (depth.shape[1], depth.shape[0]))
    check_depth(depth)


class _Pictures:
    """A PictureDecoder: Pillow, and FFmpeg for EXR and for colour of 16 bits, which Pillow reduces to 8."""

    def numbers(self, path: Path, header: PictureHeader) -> NDArray[Any] | None:
        """See PictureDecoder."""
        if header.channels > 1:
            frame = _first_frame(path)
            layout = "rgb48le" if header.channels == 3 else "rgba64le"
            return None if frame is None else frame.to_ndarray(format=layout)
        try:
            with Image.open(path) as file:
                return np.array(file)
        except _UNDECODABLE:
            return None

    def colours(self, path: Path) -> UInt8 | None:
        """See PictureDecoder."""
        try:
            with Image.open(path) as file:
                return np.array(file.convert("RGB"))
        except _UNDECODABLE:
            return None

    def single_layer(self, path: Path) -> NDArray[Any] | None:
        """See PictureDecoder. FFmpeg reads one layer only."""
        frame = _first_frame(path)
        if frame is None:
            return None
        grey = frame.format.name == "grayf32le"
        return np.asarray(frame.to_ndarray()[..., None] if grey else frame.to_ndarray(format="gbrpf32le"))


def _first_frame(path: Path) -> av.VideoFrame | None:
    try:
        with av.open(str(path)) as file:
            return next(file.decode(video=0))
    except (OSError, StopIteration, av.FFmpegError):
        return None
