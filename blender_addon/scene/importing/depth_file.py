"""A depth file read inside Blender, which decodes the pictures itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.arrays import Float32
from ...core.depth.depth_file import DepthFormat, read_depth_file
from ...core.errors import PhotoError
from ..photo_file import image_floats

NEAR_WHOLE = 0.01
"""Of a level of 16 bits: float32 holds its fraction of the range to 0.004."""


def read_depth(path: Path, depth_format: DepthFormat) -> Float32:
    """[h, w] float32 metres along z, NaN where unknown; see core.depth_file. Raises PhotoError."""
    return read_depth_file(path, depth_format, _BlendersPictures())


class _BlendersPictures:
    """A PictureDecoder."""

    def numbers(self, path: Path) -> NDArray[Any]:
        """Blender holds integers as fractions of their range, near enough to round back; what is no such fraction is a
        file of floats."""
        pixels, bits = _image(path)
        levels = 65535 if bits > 8 else 255
        scaled = pixels[..., 0].astype(np.float64) * levels
        with np.errstate(invalid="ignore"):
            whole = np.rint(scaled)
            fractions = (np.abs(scaled - whole) < NEAR_WHOLE) & (whole >= 0) & (whole <= levels)
        return whole.astype(np.uint16) if fractions.all() else pixels[..., 0]

    def single_layer(self, path: Path) -> NDArray[Any] | None:
        """None when it has layers or Blender cannot read it either."""
        image = bpy.data.images.load(str(path))
        try:
            layered = image.size[0] == 0 or image.type == "MULTILAYER"
        finally:
            bpy.data.images.remove(image)
        return None if layered else _image(path)[0][..., 0]


def _image(path: Path) -> tuple[NDArray[np.float32], int]:
    """[H, W, C] an image's numbers without colour management, and the bits of a channel."""
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as error:
        raise PhotoError("Blender cannot open the depth file", f"{path}: {error}") from error
    try:
        image.colorspace_settings.name = "Non-Color"
        image.alpha_mode = "CHANNEL_PACKED"
        if image.size[0] == 0 or image.size[1] == 0:
            raise PhotoError("Blender cannot read the depth file", str(path), "Save it as 16-bit PNG, EXR or NPY.")
        return np.ascontiguousarray(image_floats(image)), 16 if image.is_float else 8
    finally:
        bpy.data.images.remove(image)
