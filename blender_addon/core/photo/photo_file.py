"""Which files are photos, and the errors for the others: one set of rules for the add-on and the server.

docs/photos.md has the table of what becomes of each kind.

Each decodes the pixels with what it has: Blender's image loader, or Pillow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import Bool, UInt8
from ..errors import PhotoError
from .colour_marks import read_rgb_space
from .exif import PhotoFacts, read_photo_facts
from .file_bytes import file_bytes
from .icc_profile import ProfileError
from .picture_header import PictureHeader, read_picture_header
from .rgb_space import RgbSpace

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
"""What file browsers offer. A file is recognised by its content: its name may end otherwise."""

_SAVE = "Save it as JPEG or PNG."
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (1, True), 6: (3, False), 7: (3, True), 8: (1, False)}
"""EXIF orientation: quarter turns counter-clockwise after an optional left-right flip."""

MOST_PIXELS = 400_000_000
"""Of a photo's header. A file of a few kilobytes can claim more than any memory holds."""

_FEW_BITS = (1, 2, 4, 8, 16)

_REFUSED: tuple[tuple[Callable[[PictureHeader], bool], str, str], ...] = (
    (lambda header: header.raw, "is a camera's raw data", "Develop it first: save it as JPEG, PNG or TIFF."),
    (
        lambda header: header.size[0] * header.size[1] > MOST_PIXELS,
        f"has more than {MOST_PIXELS // 1_000_000} million pixels",
        "Save it smaller: a clip shows a few million of them.",
    ),
    (lambda header: header.animated, "is an animation, not one photo", "Save one of its frames as JPEG or PNG."),
    (
        lambda header: header.numbers == "float",
        "holds floating point numbers, which do not say how bright white is",
        "Tone map it: save it as JPEG, or as PNG or TIFF of 8 or 16 bits.",
    ),
    (
        lambda header: header.model == "other",
        "holds inks (CMYK) or other numbers than red, green and blue",
        "Convert it to RGB: save it as JPEG or PNG.",
    ),
    (
        lambda header: header.bits not in _FEW_BITS or header.numbers == "signed",
        "holds numbers of neither 8 nor 16 bits",
        "Save it as JPEG, or as PNG or TIFF of 8 or 16 bits.",
    ),
    (
        lambda header: header.model == "inverted grey" and header.bits == 16,
        "stores white as 0 in 16 bits, which not every program reads",
        "Save it as PNG.",
    ),
)
"""Kinds of picture that readers show differently, or nobody can show: the test, what to say of the file, the remedy."""

_OTHERS = (
    *((4, b"ftyp" + brand, "HEIC") for brand in (b"heic", b"heix", b"heim", b"mif1", b"msf1")),
    *((4, b"ftyp" + brand, "AVIF") for brand in (b"avif", b"avis")),
    *((0, b"GIF8", "GIF"), (0, b"BM", "BMP"), (4, b"jP  ", "JPEG 2000"), (0, b"v/1\x01", "EXR")),
    *((0, b"#?RADIANCE", "HDR"), (0, b"8BPS", "Photoshop"), (0, b"\xff\x0a", "JPEG XL"), (4, b"JXL ", "JPEG XL")),
)
"""(place, bytes there, name) of kinds that people take for photos."""

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class PhotoHeader:
    """What a photo's file says of itself.

    Attributes:
        picture: its kind, size and numbers.
        exif: its orientation and focal length.
        space: what its colours stand for; None for sRGB.
    """

    picture: PictureHeader
    exif: PhotoFacts
    space: RgbSpace | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, upright."""
        width, height = self.picture.size
        return (height, width) if self.exif.orientation >= 5 else (width, height)


def photo_header(path: Path) -> PhotoHeader:
    """The header of a file that is a photo as far as that tells, of a kind that every reader shows alike.

    Raises:
        PhotoError: there is no such file, it is cut off, it is no JPEG, PNG, WebP or TIFF, or it is of a kind whose
            picture depends on who reads it.
    """
    if not path.is_file():
        raise PhotoError("There is no such photo", f"{path} is a folder" if path.is_dir() else str(path))
    try:
        header, facts = read_picture_header(path), read_photo_facts(path)
    except OSError as error:
        raise PhotoError("The photo cannot be read", f"{path}: {error.strerror or error}") from error
    if header is None:
        raise PhotoError("The photo cannot be read", f"{path}{_other_kind(path)} is no JPEG, PNG, WebP or TIFF", _SAVE)
    if not header.whole:
        raise PhotoError("The photo cannot be read", f"{path} ends before its last row", "Copy it again.")
    for holds, what, remedy in _REFUSED:
        if holds(header):
            raise PhotoError("The photo cannot be used", f"{path} {what}", remedy)
    return PhotoHeader(header, facts, _rgb_space(path, header))


def _other_kind(path: Path) -> str:
    """What a file is that is no photo, as a part of a sentence; "" where it is not known."""
    with file_bytes(path) as data:
        found = next((name for place, mark, name in _OTHERS if data[place : place + len(mark)] == mark), "")
    return found and f", which is {found},"


def _rgb_space(path: Path, header: PictureHeader) -> RgbSpace | None:
    try:
        return read_rgb_space(path, grey="grey" in header.model)
    except ProfileError as error:
        profile = f"whose profile “{error.name}”" if error.name else "whose profile"
        raise PhotoError(
            "The photo cannot be used",
            f"{path} has colours {profile} {error}",
            "Convert it to sRGB: save it with that profile as JPEG or PNG.",
        ) from error


def multiplied_by_alpha(path: Path) -> PhotoError:
    """The error for a photo that is partly transparent and whose colours are multiplied by its alpha."""
    return PhotoError(
        "The photo cannot be used",
        f"the colours of {path} are multiplied by its transparency, and what was under it is gone",
        "Flatten it, or save it without transparency.",
    )


def undecodable_photo(path: Path) -> PhotoError:
    """The error for a photo with a sound header whose pixels cannot be decoded."""
    return PhotoError("The photo cannot be read", f"the pixels of {path} cannot be decoded", _SAVE)


def upright(pixels: NDArray[T], orientation: int) -> NDArray[T]:
    """A photo's pixels [H, W, C] turned and flipped to be upright.

    Args:
        pixels: as stored, top row first.
        orientation: EXIF's 1 to 8.
    """
    turns, flipped = _TURNS.get(orientation, (0, False))
    return np.rot90(pixels[:, ::-1] if flipped else pixels, turns)


def mask_of(colours: UInt8, alpha: UInt8) -> Bool:
    """The region that a picture marks: what is not transparent if any of it is, else what is bright in any channel.

    Args:
        colours: [h, w, 3].
        alpha: [h, w].

    Returns:
        [h, w] bool, True inside.
    """
    return np.asarray((alpha if alpha.min() < 255 else colours.max(axis=-1)) >= 128)
