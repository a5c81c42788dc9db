"""The two EXIF facts that a photo's camera needs: orientation and 35 mm equivalent. JPEG, PNG, WebP and TIFF.

Blender has no EXIF library inside, and the server must find the same values.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .file_bytes import FileBytes, file_bytes
from .segments import JPEG_MARK, PNG_MARK, is_webp, jpeg_segments, png_chunks, webp_chunks
from .tiff import MARKS, ORIENTATION, TiffDirectory

_EXIF_FOLDER, _FOCAL_35MM = 0x8769, 0xA405
_APP1 = 0xE1
_HEAD = b"Exif\0\0"
"""Stands before the EXIF block in a JPEG; some writers put it into other files too."""


@dataclass(frozen=True)
class PhotoFacts:
    """What EXIF says of a photo.

    Attributes:
        focal_35mm: 35 mm equivalent in millimetres; None when it is not given.
        orientation: EXIF's 1 to 8.
    """

    focal_35mm: float | None = None
    orientation: int = 1


def read_photo_facts(path: Path) -> PhotoFacts:
    """The facts in a file's EXIF; the defaults when it has none or a broken one, which is no reason to refuse a photo.

    Raises:
        OSError: the file cannot be opened.
    """
    with file_bytes(path) as data:
        try:
            block = exif_block(data)
            return _facts(block) if block else PhotoFacts()
        except (struct.error, IndexError):
            return PhotoFacts()


def exif_block(data: FileBytes) -> FileBytes:
    """The TIFF structure inside a picture file; empty when there is none."""
    if data[:3] == JPEG_MARK:
        blocks = (data[start:end] for marker, start, end in jpeg_segments(data) if marker == _APP1)
        return next((block.removeprefix(_HEAD) for block in blocks if block.startswith(_HEAD)), b"")
    if data[:8] == PNG_MARK:
        return _first(data, png_chunks(data), b"eXIf")
    if is_webp(data):
        return _first(data, webp_chunks(data), b"EXIF")
    return data if data[:4] in MARKS else b""


def _first(data: FileBytes, chunks: Iterator[tuple[bytes, int, int]], wanted: bytes) -> bytes:
    return next((data[start:end].removeprefix(_HEAD) for name, start, end in chunks if name == wanted), b"")


def _facts(block: FileBytes) -> PhotoFacts:
    main = TiffDirectory(block)
    folder = main.number(_EXIF_FOLDER, 0)
    focal = TiffDirectory(block, folder).number(_FOCAL_35MM, 0) if folder else 0
    orientation = main.number(ORIENTATION, 1)
    return PhotoFacts(float(focal) if focal else None, orientation if 1 <= orientation <= 8 else 1)
