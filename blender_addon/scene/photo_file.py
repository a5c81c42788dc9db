"""A photo file as a Blender image and as pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..colour_spaces import picture_space
from ..core.arrays import Float32, Floats, UInt8, UInt16
from ..core.errors import PhotoError
from ..core.photo.photo_file import PhotoHeader, multiplied_by_alpha, photo_header, undecodable_photo, upright
from .damaged_picture import check_undamaged

ROWS_AT_ONCE = 64
_LINEAR_FILES = ("OPEN_EXR", "OPEN_EXR_MULTILAYER", "HDR")
"""What Blender calls the formats whose numbers are linear light."""


@dataclass(frozen=True)
class PhotoFile:
    """A photo that was loaded.

    Attributes:
        image: The texture, upright, at full resolution.
        focal_35mm: The 35 mm equivalent focal length in EXIF, millimetres; None when there is none.
    """

    image: bpy.types.Image
    focal_35mm: float | None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.size[0], self.image.size[1]


def read_photo(path: Path) -> PhotoFile:
    """Load a photo upright.

    A photo that was held sideways, by its EXIF, or whose colours are not sRGB, becomes a copy that is turned and
    converted, and packed in the .blend.

    Raises:
        PhotoError: The photo cannot be used; see core.photo.photo_file.
    """
    header = photo_header(path)
    check_undamaged(path)
    image = _load(path)
    if image is None:
        raise undecodable_photo(path)
    if header.picture.premultiplied and image_floats(image)[..., 3].min() < 1:
        bpy.data.images.remove(image)
        raise multiplied_by_alpha(path)
    image.alpha_mode = "NONE"
    if header.exif.orientation != 1 or header.space is not None:
        image = _shown_copy(image, header)
    else:
        if image.colorspace_settings.name != picture_space():
            # From Blender 5.0 it reads some marks of a PNG itself, by other rules. To set it reads the file again.
            image.colorspace_settings.name = picture_space()
        # Not `filepath`, which would read the file again.
        image.filepath_raw = path_in_blend(path)
    return PhotoFile(image, header.exif.focal_35mm)


def path_in_blend(path: Path) -> str:
    """How a .blend keeps the path of a file: beside itself ("//photo.png") as Preferences > Relative Paths says.

    Args:
        path: Absolute, or relative to the working directory.
    """
    absolute = str(path.absolute())
    if not bpy.data.filepath or not bpy.context.preferences.filepaths.use_relative_paths:
        return absolute
    try:
        return str(bpy.path.relpath(absolute))
    except ValueError:
        return absolute  # On another drive of Windows.


def _load(path: Path) -> bpy.types.Image | None:
    """The image, None when Blender cannot read the file."""
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError:
        return None
    if image.size[0] == 0 or image.size[1] == 0:
        bpy.data.images.remove(image)
        return None
    return image


def image_floats(image: bpy.types.Image) -> Float32:
    """[H, W, C] float32 pixels of an image, top row first, in the encoding that Blender holds them in."""
    width, height = image.size
    pixels = np.empty(width * height * image.channels, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, image.channels)[::-1]


def photo_pixels(image: bpy.types.Image) -> UInt8:
    """[H, W, 3] uint8 sRGB of a photo's image, top row first.

    Raises:
        PhotoError: The file behind the image is gone.
    """
    return np.ascontiguousarray(_eight_bits(image)[..., :3])


def _check_pixels(image: bpy.types.Image) -> None:
    """Refuse an image that Blender has no pixels of."""
    if image.size[0] == 0 or image.size[1] == 0:
        raise PhotoError(
            "The photo's file is gone",
            bpy.path.abspath(image.filepath),
            "Put it back, or show Blender its folder with File > External Data > Find Missing Files.",
        )


def _eight_bits(image: bpy.types.Image) -> UInt8:
    """[H, W, C] uint8 of an image, sRGB, top row first."""
    _check_pixels(image)
    floats = image_floats(image)
    if image.is_float:
        floats = _wide_floats(image, floats)
    result = np.empty(floats.shape, dtype=np.uint8)
    # Piece by piece: of a photo of 100 Mpx each intermediate result would be 1.6 GB.
    for piece in range(0, len(floats), ROWS_AT_ONCE):
        some = floats[piece : piece + ROWS_AT_ONCE]
        result[piece : piece + ROWS_AT_ONCE] = np.clip(np.rint(some * 255), 0, 255)
    return result


def _wide_floats(image: bpy.types.Image, held: Floats) -> Floats:
    """The sRGB numbers of an image of more than 8 bits, which Blender holds as light of the scene's linear space.

    That space is the colour configuration's own, so a file's numbers are read from it again, without a colour space.
    Those of an image that was painted on, or is kept as OpenEXR (a photo that was turned by version 0.1), are linear.
    """
    if image.file_format in _LINEAR_FILES or image.is_dirty or image.source != "FILE":
        linear = np.where(held <= 0.0031308, held * 12.92, 1.055 * np.maximum(held, 0.0031308) ** (1 / 2.4) - 0.055)
        return np.concatenate([linear[..., :3], held[..., 3:]], axis=-1)
    copy = image.copy()
    try:
        copy.colorspace_settings.is_data = True
        _check_pixels(copy)
        return image_floats(copy)
    finally:
        bpy.data.images.remove(copy)


def picture_pixels(path: Path) -> UInt8:
    """[H, W, 3] uint8 sRGB of a picture file, as it is stored, not turned by EXIF.

    Raises:
        PhotoError: Blender cannot read the file.
    """
    image = _load(path)
    if image is None:
        raise PhotoError("Blender cannot read the picture", str(path), "Put it back, or fetch the clip again.")
    try:
        return photo_pixels(image)
    finally:
        bpy.data.images.remove(image)


def upright_pixels(path: Path) -> UInt8:
    """[H, W, 3] uint8 sRGB of a photo's file, upright; nothing of it stays in the .blend.

    Raises:
        PhotoError: The photo cannot be used.
    """
    image = read_photo(path).image
    try:
        return photo_pixels(image)
    finally:
        bpy.data.images.remove(image)


def upright_alpha(path: Path) -> UInt8:
    """[h, w] uint8 alpha of a picture's file, upright; 255 where it has none.

    Raises:
        PhotoError: The picture cannot be used.
    """
    orientation = photo_header(path).exif.orientation
    image = _load(path)
    if image is None:
        raise undecodable_photo(path)
    try:
        alpha = image_floats(image)[..., 3:] if image.channels == 4 else np.ones((*image.size[::-1], 1), np.float32)
    finally:
        bpy.data.images.remove(image)
    return np.asarray(np.rint(upright(alpha, orientation)[..., 0] * 255), dtype=np.uint8)


def _shown_copy(image: bpy.types.Image, header: PhotoHeader) -> bpy.types.Image:
    """A photo upright and in sRGB, packed in the .blend; the image of its file is removed."""
    colours = _eight_bits(image)[..., :3] if header.space is None else header.space.srgb(_stored(image))
    pixels = upright(colours, header.exif.orientation)
    height, width = pixels.shape[:2]
    shown = bpy.data.images.new(image.name, width, height, alpha=False)
    shown.alpha_mode = "NONE"
    rgba = np.ones((height, width, 4), dtype=np.float32)
    rgba[..., :3] = pixels[::-1] / np.float32(255)
    shown.pixels.foreach_set(rgba.ravel())
    shown.pack()
    bpy.data.images.remove(image)
    return shown


def _stored(image: bpy.types.Image) -> UInt8 | UInt16:
    """[h, w, 3] numbers of an image's file of 8 or 16 bits, as they are stored."""
    if not image.is_float:
        return _eight_bits(image)[..., :3]
    held = _wide_floats(image, image_floats(image))[..., :3]
    return np.asarray(np.rint(np.clip(held, 0, 1) * 65535), dtype=np.uint16)
