"""Pictures whose file is whole, but whose data were damaged: decoders fill the place with grey and say nothing."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import PhotoError
from .file_bytes import file_bytes
from .segments import JPEG_MARK
from .tiff import COMPRESSION, DEFLATED, MARKS, TiffDirectory, pieces

_AT_ONCE = 2**20
"""Bytes that are unpacked at once: what they are is not wanted, and a few may unpack to gigabytes."""


def check_undamaged(path: Path, load_ffmpeg: Callable[[], Any]) -> None:
    """Refuse a JPEG or TIFF that lacks part of its data, or holds what cannot be its data.

    Args:
        path: the picture.
        load_ffmpeg: gives the module av, which core does without; called for a JPEG alone.

    Raises:
        PhotoError: it is damaged.
    """
    if _has_damaged_pieces(path) or (_is_jpeg(path) and _is_damaged_jpeg(path, load_ffmpeg())):
        raise PhotoError(
            "The picture is damaged",
            f"the data of {path} are wrong or missing in some place",
            "Copy it again; or, if you know how it looks and want that, save it anew with another program.",
        )


def _is_jpeg(path: Path) -> bool:
    with file_bytes(path) as data:
        return bytes(data[:3]) == JPEG_MARK


def _is_damaged_jpeg(path: Path, av: Any) -> bool:
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.options = {"err_detect": "explode"}
    decoder.thread_type = "NONE"
    try:
        decoder.decode(av.Packet(path.read_bytes()))
        decoder.decode(None)
    except av.InvalidDataError:
        return True
    except av.FFmpegError:
        return False  # A kind of JPEG that FFmpeg does not read: nothing is known of it.
    return False


def _has_damaged_pieces(path: Path) -> bool:
    """Whether the checksum of a piece of a TIFF that is packed with Deflate is wrong; False for every other file."""
    with file_bytes(path) as data:
        if data[:4] not in MARKS:
            return False
        main = TiffDirectory(data)
        if main.number(COMPRESSION, 1) not in DEFLATED:
            return False
        return not all(_unpacks(data[start : start + size]) for start, size in pieces(main))


def _unpacks(packed: bytes) -> bool:
    """Whether data of Deflate are whole and have their checksum."""
    unpacker = zlib.decompressobj()
    try:
        while not unpacker.eof:
            made = unpacker.decompress(packed, _AT_ONCE)
            packed = unpacker.unconsumed_tail
            if not made and not packed:
                return False
    except zlib.error:
        return False
    return True
