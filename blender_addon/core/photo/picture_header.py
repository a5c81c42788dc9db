"""The header of a picture file: kind, bits and channels, and whether the file is complete."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .file_bytes import FileBytes, file_bytes
from .segments import JPEG_MARK, PNG_MARK, SCAN, is_webp, jpeg_segments, png_chunks
from .tiff import MARKS, TiffDirectory

Kind = Literal["JPEG", "PNG", "WebP", "TIFF"]
Model = Literal["grey", "rgb", "palette", "other"]
Numbers = Literal["unsigned", "signed", "float"]

_END_OF_IMAGE = b"\xff\xd9"
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)
"""Of JPEG's markers 0xC0 to 0xCF, those that do not say how large the picture is."""
_PNG_MODELS: dict[int, tuple[Model, int]] = {0: ("grey", 1), 2: ("rgb", 3), 3: ("palette", 1), 4: ("grey", 2)}
_TIFF_MODELS: dict[int, Model] = {1: "grey", 2: "rgb", 3: "palette"}
_TIFF_NUMBERS: dict[int, Numbers] = {1: "unsigned", 2: "signed", 3: "float"}
_BITS, _MODEL, _STRIPS, _CHANNELS, _STRIP_SIZES, _TILES, _TILE_SIZES, _NUMBERS = 258, 262, 273, 277, 279, 324, 325, 339


@dataclass(frozen=True)
class PictureHeader:
    """What a picture file says before its pixels.

    Attributes:
        kind: the file format.
        bits: of the channel with most.
        channels: alpha included; a palette's pixels have one.
        model: what the channels stand for.
        numbers: how they are stored.
        whole: False for a file that ends before its last row; the other fields may then be defaults.
    """

    kind: Kind
    bits: int = 8
    channels: int = 3
    model: Model = "rgb"
    numbers: Numbers = "unsigned"
    whole: bool = True


def read_picture_header(path: Path) -> PictureHeader | None:
    """The header of a JPEG, PNG, WebP or TIFF, whatever the file is called; None for everything else.

    Raises:
        OSError: the file cannot be opened.
    """
    with file_bytes(path) as data:
        kind = _kind(data)
        if kind is None:
            return None
        try:
            return _READERS[kind](data)
        except (struct.error, IndexError):
            return PictureHeader(kind, whole=False)


def _kind(data: FileBytes) -> Kind | None:
    if data[:3] == JPEG_MARK:
        return "JPEG"
    if data[:8] == PNG_MARK:
        return "PNG"
    if is_webp(data):
        return "WebP"
    return "TIFF" if data[:4] in MARKS else None


def _jpeg(data: FileBytes) -> PictureHeader:
    bits = channels = 0
    for marker, start, end in jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            bits, channels = data[start], data[start + 5]
        if marker == SCAN:
            model: Model = "grey" if channels == 1 else "rgb" if channels == 3 else "other"
            return PictureHeader("JPEG", bits, channels, model, whole=data.find(_END_OF_IMAGE, end) >= 0)
    return PictureHeader("JPEG", whole=False)


def _png(data: FileBytes) -> PictureHeader:
    bits, colour = struct.unpack_from("BB", data, 24)
    model, channels = _PNG_MODELS.get(colour, ("rgb", 4))
    whole = any(name == b"IEND" for name, _, _ in png_chunks(data))
    return PictureHeader("PNG", bits, channels, model, whole=whole)


def _webp(data: FileBytes) -> PictureHeader:
    (size,) = struct.unpack_from("<I", data, 4)
    return PictureHeader("WebP", whole=8 + size <= len(data))


def _tiff(data: FileBytes) -> PictureHeader:
    main = TiffDirectory(data)
    starts, sizes = (main.numbers(a) or main.numbers(b) for a, b in ((_STRIPS, _TILES), (_STRIP_SIZES, _TILE_SIZES)))
    return PictureHeader(
        "TIFF",
        bits=max(main.numbers(_BITS), default=1),
        channels=main.number(_CHANNELS, 1),
        model=_TIFF_MODELS.get(main.number(_MODEL, 1), "other"),
        numbers=_TIFF_NUMBERS.get(max(main.numbers(_NUMBERS), default=1), "unsigned"),
        whole=all(start + size <= len(data) for start, size in zip(starts, sizes, strict=False)),
    )


_READERS: dict[Kind, Callable[[FileBytes], PictureHeader]] = {"JPEG": _jpeg, "PNG": _png, "WebP": _webp, "TIFF": _tiff}
