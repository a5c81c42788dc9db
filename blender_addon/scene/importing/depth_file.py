"""Reading a depth file inside Blender, which decodes the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.arrays import Float32, UInt8
from ...core.depth.depth_file import read_depth_file
from ...core.depth.depth_format import DepthFormat
from ...core.depth.exr import own_name
from ...core.photo.picture_header import PictureHeader
from ..damaged_picture import check_undamaged
from ..photo_file import image_floats


def read_depth(path: Path, depth_format: DepthFormat, *, trust_unit: bool = False) -> Float32:
    """[h, w] float32 metres along z, NaN where unknown.

    Args:
        path: The depth file.
        depth_format: How its numbers are to be understood; see core.depth.depth_format.
        trust_unit: Do not doubt the unit.

    Raises:
        DepthQuestionError: It is not certain what the numbers mean.
        PhotoError: The file cannot be read as depth.
    """
    return read_depth_file(path, depth_format, _BlendersPictures(), trust_unit=trust_unit)


class _BlendersPictures:
    """A PictureDecoder that uses Blender's image loader."""

    def numbers(self, path: Path, header: PictureHeader) -> NDArray[Any] | None:
        """The file's whole numbers, None when Blender cannot read them.

        Blender holds them as fractions of their range, in float32: exact up to 22 bits of it.
        """
        check_undamaged(path)
        pixels = _pixels(path)
        if pixels is None:
            return None
        pixels = pixels[..., : header.channels] if header.channels > 1 else pixels[..., 0]
        if header.numbers == "float":
            return pixels
        highest = 2 ** (header.bits - (header.numbers == "signed")) - 1
        return np.asarray(np.rint(pixels.astype(np.float64) * highest), dtype=np.int64)

    def colours(self, path: Path) -> UInt8 | None:
        """See PictureDecoder."""
        check_undamaged(path)
        pixels = _pixels(path)
        return None if pixels is None else np.rint(pixels[..., :3] * 255).astype(np.uint8)

    def single_layer(self, path: Path) -> NDArray[Any] | None:
        """The numbers of a picture of one layer; None when it has more or Blender cannot read it either."""
        return _pixels(path)

    def exr_channel(self, path: Path, part: int, name: str) -> NDArray[Any] | None:
        """See PictureDecoder: by the library that Blender's own builds bring for scripts, and Debian's do not."""
        try:
            from OpenImageIO import ImageInput
        except ImportError:
            return None
        file = ImageInput.open(str(path))
        if file is None or not file.seek_subimage(part, 0):
            return None
        channels = list(file.spec().channelnames)
        own = own_name(channels, name)
        if own is None:
            return None
        first = channels.index(own)
        numbers = file.read_image(part, 0, first, first + 1, "float")
        return None if numbers is None else np.asarray(numbers)[..., 0]

    def exr_library_remedy(self) -> str:
        """See PictureDecoder."""
        return ""


def _pixels(path: Path) -> Float32 | None:
    """[H, W, C] float32 numbers of a picture without colour management; None when it has layers or cannot be read."""
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError:
        return None
    try:
        image.colorspace_settings.is_data = True
        image.alpha_mode = "CHANNEL_PACKED"
        if image.size[0] == 0 or image.size[1] == 0 or image.type == "MULTILAYER":
            return None
        return np.ascontiguousarray(image_floats(image))
    finally:
        bpy.data.images.remove(image)
