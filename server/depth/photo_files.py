"""Read a photo and its depth from files on the server: core's rules, decoded by Pillow and FFmpeg."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from blender_addon.core.photo.damage import check_undamaged
from blender_addon.core.photo.exif import PhotoFacts, read_photo_facts
from blender_addon.core.photo.file_bytes import file_bytes
from blender_addon.core.photo.photo_file import (
    MOST_PIXELS,
    PhotoHeader,
    mask_of,
    multiplied_by_alpha,
    photo_header,
    undecodable_photo,
    upright,
)
from blender_addon.core.photo.picture_header import PictureHeader
from blender_addon.core.photo.tiff import MARKS, TiffDirectory
from server.depth.openexr_channel import openexr_channel
from server.packages import absent_packages, install_remedy

# Pillow's default warns of photos above 89 Mpx, which phones take, and refuses twice that.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS

_UNDECODABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a broken file; errors of its PNG reader are SyntaxErrors."""


_OPAQUE = 255


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
    header = photo_header(path)
    pixels = _upright_colours(path, header)
    if pixels is None:
        raise undecodable_photo(path)
    return PhotoFile(np.ascontiguousarray(pixels), header.exif.focal_35mm)


def read_as_stored(path: Path) -> UInt8:
    """[h, w, 3] uint8 sRGB of a picture that has a camera of its own, not turned by its EXIF: as that camera sees it.

    Raises:
        PhotoError: it cannot be read; see core.photo.photo_file.
    """
    header = photo_header(path)
    pixels = _upright_colours(path, replace(header, exif=PhotoFacts()))
    if pixels is None:
        raise undecodable_photo(path)
    return pixels


def read_photo_size(path: Path) -> tuple[tuple[int, int], float | None]:
    """((width, height) of a photo upright, its 35 mm equivalent from EXIF or None), without decoding its pixels.

    Raises:
        PhotoError: it cannot be read; see core.photo.photo_file.
    """
    header = photo_header(path)
    return header.size, header.exif.focal_35mm


def _upright_colours(path: Path, header: PhotoHeader) -> UInt8 | None:
    """[h, w, 3] uint8 of a photo, upright; None where it cannot be decoded.

    Raises:
        PhotoError: it is damaged; see also multiplied_by_alpha.
    """
    check_undamaged(path, lambda: av)
    picture, orientation = header.picture, header.exif.orientation
    if picture.bits == 16 and picture.channels > 1 and (frame := _first_frame(path)) is not None:
        # Pillow would keep the upper 8 bits.
        return upright(_shown(frame.to_ndarray(format="rgb48le"), header), orientation)
    try:
        with as_stored(path) as file:
            if picture.premultiplied and np.array(file.getchannel("A")).min() < _OPAQUE:
                raise multiplied_by_alpha(path)
            if picture.bits == 16 and picture.channels == 1:
                # Pillow would clip the numbers at 255.
                numbers = np.repeat(np.array(file, np.uint16)[..., None], 3, axis=2)
            else:
                numbers = np.array(file.convert("RGB"))
    except _UNDECODABLE:
        return None
    return upright(_shown(numbers, header), orientation)


@contextmanager
def as_stored(path: Path) -> Iterator[Image.Image]:
    """Pillow's image of a picture file, not turned by its orientation.

    Pillow turns a TIFF as it reads it, and no other picture; one without compression it turns into nonsense.
    """
    with file_bytes(path) as data:
        turned = data[:4] in MARKS and read_photo_facts(path).orientation != 1
        content = io.BytesIO(TiffDirectory(data).without_orientation()) if turned else None
    with Image.open(content or path) as file:
        yield file


def _shown(numbers: NDArray[Any], header: PhotoHeader) -> UInt8:
    """[h, w, 3] uint8 sRGB of a photo's numbers of 8 or 16 bits."""
    if header.space is not None:
        return header.space.srgb(numbers)
    if numbers.dtype == np.uint8:
        return numbers
    return np.asarray((numbers.astype(np.uint32) * 255 + 32767) // 65535, dtype=np.uint8)


def read_mask(path: Path) -> Bool:
    """A mask in a picture, upright; see mask_of.

    Returns:
        [h, w] bool, True inside.

    Raises:
        PhotoError: it cannot be read.
    """
    if not path.is_file():
        raise PhotoError("There is no such mask", f"{path} is a folder" if path.is_dir() else str(path))
    try:
        colours = read_photo(path).pixels
        with as_stored(path) as file:
            alpha = np.array(file.convert("RGBA"))[..., 3:]
    except _UNDECODABLE as error:
        raise undecodable_photo(path) from error
    except PhotoError as error:
        raise PhotoError("The mask cannot be read", error.why, "Save it as PNG.") from error
    return mask_of(colours, upright(alpha, read_photo_facts(path).orientation)[..., 0])


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
        check_undamaged(path, lambda: av)
        if header.channels > 1:
            frame = _first_frame(path)
            layout = "rgb48le" if header.channels == 3 else "rgba64le"
            return None if frame is None else frame.to_ndarray(format=layout)
        try:
            with as_stored(path) as file:
                return np.array(file)
        except _UNDECODABLE:
            return None

    def colours(self, path: Path) -> UInt8 | None:
        """See PictureDecoder."""
        check_undamaged(path, lambda: av)
        try:
            with as_stored(path) as file:
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

    def exr_channel(self, path: Path, part: int, name: str) -> NDArray[Any] | None:
        """See PictureDecoder: by the package OpenEXR, which the extra `exr` installs."""
        return openexr_channel(path, part, name)

    def exr_library_remedy(self) -> str:
        """See PictureDecoder."""
        return install_remedy("exr") if absent_packages(("OpenEXR",), "exr") else ""


def _first_frame(path: Path) -> av.VideoFrame | None:
    try:
        with av.open(str(path)) as file:
            return next(file.decode(video=0))
    except (OSError, StopIteration, av.FFmpegError):
        return None
