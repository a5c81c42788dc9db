"""Directories of a TIFF structure: in TIFF and BigTIFF files, and in the EXIF block inside other pictures."""

from __future__ import annotations

import struct
from typing import Any

from .file_bytes import FileBytes

MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF begins: byte order, and 42 or BigTIFF's 43."""

ORIENTATION = 0x0112
COMPRESSION = 259
DEFLATED = (8, 32946)
"""Values of the tag COMPRESSION."""
_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES = 273, 279, 324, 325
_SHORT, _LONG, _LONG8 = 3, 4, 16
_BYTES = (1, 2, 7)
"""Types of a tag that holds bytes or text."""
_CODES = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}


class TiffDirectory:
    """The integers of one directory, by tag. Every method raises struct.error where the data end too early.

    Args:
        data: the TIFF structure from its first byte.
        start: offset of the directory; None for the first.
    """

    def __init__(self, data: FileBytes, start: int | None = None) -> None:
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        self._big = data[2:4] in (b"+\0", b"\0+")
        self._word = "Q" if self._big else "I"
        if start is None:
            (start,) = self._unpack(self._word, 8 if self._big else 4)
        counted = "Q" if self._big else "H"
        (count,) = self._unpack(counted, start)
        layout = f"HH{self._word}"
        head, value = struct.calcsize(f"={layout}"), struct.calcsize(f"={self._word}")
        self._room = value
        self._entries = {}
        first = start + struct.calcsize(f"={counted}")
        for at in range(first, first + (head + value) * count, head + value):
            tag, kind, length = self._unpack(layout, at)
            self._entries[tag] = (kind, length, at + head)

    def __contains__(self, tag: int) -> bool:
        """Whether the directory has the tag, whatever it holds."""
        return tag in self._entries

    def numbers(self, tag: int) -> tuple[int, ...]:
        """All values of a tag; empty where it is missing or holds no integers."""
        kind, length, at = self._entries.get(tag, (0, 0, 0))
        if kind not in _CODES:
            return ()
        layout = f"{length}{_CODES[kind]}"
        if struct.calcsize(f"={layout}") > self._room:
            (at,) = self._unpack(self._word, at)
        return self._unpack(layout, at)

    def content(self, tag: int) -> bytes:
        """The bytes or the text of a tag; empty where it is missing or holds neither."""
        kind, length, at = self._entries.get(tag, (0, 0, 0))
        if kind not in _BYTES:
            return b""
        if length > self._room:
            (at,) = self._unpack(self._word, at)
        return bytes(self._data[at : at + length])

    def without_orientation(self) -> bytes:
        """The whole file as bytes that say it is not turned."""
        content = bytearray(self._data)
        if ORIENTATION in self:
            _, _, at = self._entries[ORIENTATION]
            struct.pack_into(f"{self._order}H", content, at, 1)
        return bytes(content)

    def number(self, tag: int, default: int) -> int:
        """The value of a tag that holds exactly one, else `default`."""
        found = self.numbers(tag)
        return found[0] if len(found) == 1 else default

    def _unpack(self, layout: str, at: int) -> tuple[Any, ...]:
        if at > len(self._data):
            raise struct.error("beyond the end")
        return struct.unpack_from(self._order + layout, self._data, at)


def pieces(directory: TiffDirectory) -> tuple[tuple[int, int], ...]:
    """(offset, bytes) of each of a picture's strips or tiles."""
    starts = directory.numbers(_STRIPS) or directory.numbers(_TILES)
    sizes = directory.numbers(_STRIP_SIZES) or directory.numbers(_TILE_SIZES)
    return tuple(zip(starts, sizes, strict=False))
