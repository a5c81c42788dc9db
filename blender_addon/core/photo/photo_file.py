"""Which files are photos, and the errors for the others: one set of rules for the add-on and the server.

Each decodes the pixels with what it has: Blender's image loader, or Pillow.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import PhotoError
from .exif import PhotoFacts, read_photo_facts
from .picture_header import read_picture_header

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
"""What file browsers offer. A file is recognised by its content: its name may end otherwise."""

_SAVE = "Save it as JPEG or PNG."
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (1, True), 6: (3, False), 7: (3, True), 8: (1, False)}
"""EXIF orientation: quarter turns counter-clockwise after an optional left-right flip."""

T = TypeVar("T", bound=np.generic)


def photo_facts(path: Path) -> PhotoFacts:
    """Orientation and focal length of a file that is a photo as far as its header tells.

    Raises:
        PhotoError: there is no such file, it is cut off, or it is no JPEG, PNG, WebP or TIFF.
    """
    if not path.is_file():
        raise PhotoError("There is no such photo", f"{path} is a folder" if path.is_dir() else str(path))
    try:
        header, facts = read_picture_header(path), read_photo_facts(path)
    except OSError as error:
        raise PhotoError("The photo cannot be read", f"{path}: {error.strerror or error}") from error
    if header is None:
        raise PhotoError("The photo cannot be read", f"{path} is no JPEG, PNG, WebP or TIFF", _SAVE)
    if not header.whole:
        raise PhotoError("The photo cannot be read", f"{path} ends before its last row", "Copy it again.")
    return facts


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
