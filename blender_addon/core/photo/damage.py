"""Pictures whose file is whole, but whose data were damaged: decoders fill the place with grey and say nothing."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from ..errors import PhotoError
from .file_bytes import file_bytes
from .segments import JPEG_MARK
from .tiff import COMPRESSION, DEFLATED, MARKS, TiffDirectory, pieces


def damaged_picture(path: Path) -> PhotoError:
    """The error for a picture whose data do not decode from the first row to the last."""
    return PhotoError(
        "The picture is damaged",
        f"the data of {path} are wrong or missing in some place",
        "Copy it again; or, if you know how it looks and want that, save it anew with another program.",
    )


def is_jpeg(path: Path) -> bool:
    """Whether the file is a JPEG by its content."""
    with file_bytes(path) as data:
        return bytes(data[:3]) == JPEG_MARK


def has_damaged_pieces(path: Path) -> bool:
    """Whether the checksum of a piece of a TIFF that is packed with Deflate is wrong; False for every other file."""
    with file_bytes(path) as data:
        if data[:4] not in MARKS:
            return False
        main = TiffDirectory(data)
        if main.number(COMPRESSION, 1) not in DEFLATED:
            return False
        try:
            for start, size in pieces(main):
                zlib.decompress(data[start : start + size])
        except (zlib.error, struct.error):
            return True
    return False
