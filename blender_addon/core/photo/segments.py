"""The parts that JPEG, PNG and WebP files are made of: the kind of each, and where its content starts and ends.

What follows the picture's own last part, as some programs append it, is none of them.

An end beyond the file's means that the file is cut off. struct.error and IndexError are raised where it is cut off
inside a part's own head.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .file_bytes import FileBytes

PNG_MARK = b"\x89PNG\r\n\x1a\n"
JPEG_MARK = b"\xff\xd8\xff"

SCAN = 0xDA
"""JPEG's marker before the pixels."""
_END = 0xD9
_LAST_OF_PNG = b"IEND"


def is_webp(data: FileBytes) -> bool:
    """Whether the file begins like a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def jpeg_segments(data: FileBytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment, up to and including the first scan's."""
    at = 2
    while data[at] == 0xFF and data[at + 1] != _END:
        if data[at + 1] == 0xFF:
            # Padding before a marker.
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield data[at + 1], at + 4, at + 2 + length
        if data[at + 1] == SCAN:
            return
        at += 2 + length


def png_chunks(data: FileBytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, end) of each chunk up to the last, which says so; a checksum of 4 bytes follows its end."""
    at = len(PNG_MARK)
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, at + 8, at + 8 + length
        if name == _LAST_OF_PNG:
            return
        at += 12 + length


def webp_chunks(data: FileBytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, end) of each chunk; an odd length is padded by a byte."""
    (size,) = struct.unpack_from("<I", data, 4)
    at = 12
    while at < 8 + size:
        name, length = struct.unpack_from("<4sI", data, at)
        yield name, at + 8, at + 8 + length
        at += 8 + length + length % 2
