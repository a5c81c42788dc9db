"""The two EXIF facts a photo's camera needs: how it was held and its 35 mm equivalent. JPEG, PNG, WebP and TIFF.

Blender reads pixels only, and has no EXIF library inside.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_ORIENTATION, _EXIF_FOLDER, _FOCAL_35MM = 0x0112, 0x8769, 0xA405
_SHORT, _LONG = 3, 4
_HEAD = 1 << 20


@dataclass(frozen=True)
class PhotoFacts:
    """focal_35mm: millimetres of the 35 mm equivalent, None when not told. orientation: EXIF's 1 to 8."""

    focal_35mm: float | None = None
    orientation: int = 1


def read_photo_facts(path: Path) -> PhotoFacts:
    """What the file's EXIF tells; nothing when it has none or a broken one, which is no reason to refuse a photo."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    try:
        block = _exif_block(head)
        return _facts(block) if block else PhotoFacts()
    except (struct.error, IndexError):
        return PhotoFacts()


def _exif_block(head: bytes) -> bytes:
    """The TIFF structure inside the file's first megabyte; empty when there is none."""
    if head[:2] == b"\xff\xd8":
        return _in_jpeg(head)
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return _in_chunks(head, 8, b"eXIf", ">I4s", length_first=True)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _in_chunks(head, 12, b"EXIF", "<4sI", length_first=False)
    return head if head[:4] in (b"II*\0", b"MM\0*") else b""


def _in_jpeg(head: bytes) -> bytes:
    at = 2
    while head[at] == 0xFF and head[at + 1] not in (0xDA, 0xD9):
        (length,) = struct.unpack_from(">H", head, at + 2)
        if head[at + 1] == 0xE1 and head[at + 4 : at + 10] == b"Exif\0\0":
            return head[at + 10 : at + 2 + length]
        at += 2 + length
    return b""


def _in_chunks(head: bytes, at: int, wanted: bytes, layout: str, *, length_first: bool) -> bytes:
    """The chunk `wanted` of a PNG (length, name, data, checksum) or RIFF file (name, length, data, padding)."""
    while at + 8 <= len(head):
        first, second = struct.unpack_from(layout, head, at)
        length, name = (first, second) if length_first else (second, first)
        if name == wanted:
            return head[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0")
        at += 8 + length + (4 if length_first else length % 2)
    return b""


def _facts(block: bytes) -> PhotoFacts:
    order = "<" if block[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", block, 4)
    main = _folder(block, order, start)
    exif = _folder(block, order, main[_EXIF_FOLDER]) if _EXIF_FOLDER in main else {}
    orientation = main.get(_ORIENTATION, 1)
    focal = exif.get(_FOCAL_35MM, 0)
    return PhotoFacts(float(focal) if focal else None, orientation if 1 <= orientation <= 8 else 1)


def _folder(block: bytes, order: str, start: int) -> dict[int, int]:
    """The single SHORT and LONG values of one directory, by tag."""
    (count,) = struct.unpack_from(order + "H", block, start)
    values = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", block, at)
        if length == 1 and kind in (_SHORT, _LONG):
            (values[tag],) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), block, at + 8)
    return values
