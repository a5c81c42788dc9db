"""The header of a picture file: kind, bits and channels, and whether the file is complete."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .file_bytes import FileBytes, file_bytes
from .segments import JPEG_MARK, PNG_MARK, SCAN, is_webp, jpeg_segments, png_chunks, webp_chunks
from .tiff import MARKS, TiffDirectory, pieces

Kind = Literal["JPEG", "PNG", "WebP", "TIFF"]
Model = Literal["grey", "inverted grey", "rgb", "luma", "palette", "other"]
"""Luma: brightness and two colour differences, which a reader turns into RGB. Other: inks, Lab, a sensor's mosaic."""
Numbers = Literal["unsigned", "signed", "float"]

_END_OF_IMAGE = b"\xff\xd9"
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)
"""Of JPEG's markers 0xC0 to 0xCF, those that do not say how large the picture is."""
_PNG_MODELS: dict[int, tuple[Model, int]] = {0: ("grey", 1), 2: ("rgb", 3), 3: ("palette", 1), 4: ("grey", 2)}
_TIFF_MODELS: dict[int, Model] = {0: "inverted grey", 1: "grey", 2: "rgb", 3: "palette", 6: "luma"}
_TIFF_NUMBERS: dict[int, Numbers] = {1: "unsigned", 2: "signed", 3: "float"}
_BITS, _MODEL, _CHANNELS, _NUMBERS = 258, 262, 277, 339
_SUBFILE, _WIDTH, _HEIGHT, _EXTRA, _DNG = 254, 256, 257, 338, 50706
_MULTIPLIED = 1
"""Value of the tag ExtraSamples: an alpha that the colours are multiplied by."""
_CANON_RAW = b"CR"
_WEBP_ANIMATION = 0x02


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
        size: (width, height) as stored, not turned by EXIF; (0, 0) where it is not known.
        animated: it holds frames of an animation.
        premultiplied: its colours are multiplied by its alpha.
        raw: it is a camera's raw data, and the picture that is read first a small one beside them.
    """

    kind: Kind
    bits: int = 8
    channels: int = 3
    model: Model = "rgb"
    numbers: Numbers = "unsigned"
    whole: bool = True
    size: tuple[int, int] = (0, 0)
    animated: bool = False
    premultiplied: bool = False
    raw: bool = False


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
    bits = channels = width = height = 0
    for marker, start, end in jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            bits, height, width, channels = struct.unpack_from(">BHHB", data, start)
        if marker == SCAN:
            model: Model = "grey" if channels == 1 else "rgb" if channels == 3 else "other"
            whole = data.find(_END_OF_IMAGE, end) >= 0
            return PictureHeader("JPEG", bits, channels, model, whole=whole, size=(width, height))
    return PictureHeader("JPEG", whole=False)


def _png(data: FileBytes) -> PictureHeader:
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    model, channels = _PNG_MODELS.get(colour, ("rgb", 4))
    chunks = [name for name, _, _ in png_chunks(data)]
    size, animated = (width, height), b"acTL" in chunks
    return PictureHeader("PNG", bits, channels, model, whole=b"IEND" in chunks, size=size, animated=animated)


def _webp(data: FileBytes) -> PictureHeader:
    (length,) = struct.unpack_from("<I", data, 4)
    size, animated = (0, 0), False
    for name, start, _ in webp_chunks(data):
        if name == b"VP8X":
            animated = bool(data[start] & _WEBP_ANIMATION)
            size = (_24_bits(data, start + 4) + 1, _24_bits(data, start + 7) + 1)
        elif name == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, start + 6)
            size = (width & 0x3FFF, height & 0x3FFF)
        elif name == b"VP8L":
            (bits,) = struct.unpack_from("<I", data, start + 1)
            size = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        else:
            continue
        break
    return PictureHeader("WebP", whole=8 + length <= len(data), size=size, animated=animated)


def _24_bits(data: FileBytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _tiff(data: FileBytes) -> PictureHeader:
    main = TiffDirectory(data)
    return PictureHeader(
        "TIFF",
        bits=max(main.numbers(_BITS), default=1),
        channels=main.number(_CHANNELS, 1),
        model=_TIFF_MODELS.get(main.number(_MODEL, 1), "other"),
        numbers=_TIFF_NUMBERS.get(max(main.numbers(_NUMBERS), default=1), "unsigned"),
        whole=all(start + size <= len(data) for start, size in pieces(main)),
        size=(main.number(_WIDTH, 0), main.number(_HEIGHT, 0)),
        premultiplied=_MULTIPLIED in main.numbers(_EXTRA),
        raw=bool(main.number(_SUBFILE, 0) & 1) or _DNG in main or data[8:10] == _CANON_RAW,
    )


_READERS: dict[Kind, Callable[[FileBytes], PictureHeader]] = {"JPEG": _jpeg, "PNG": _png, "WebP": _webp, "TIFF": _tiff}
