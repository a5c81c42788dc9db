"""Read channels of an OpenEXR file by name.

Blender gives Python access only to the first layer's colours, and depth is in none of them. Scan-line files,
uncompressed or ZIP, ZIPS, RLE: what Blender and Nuke write by default.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import PhotoError

_MAGIC = 20000630
_TILED, _DEEP, _MULTIPART = 0x200, 0x800, 0x1000
_COMPRESSIONS = ("NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
_LINES = {"NONE": 1, "RLE": 1, "ZIPS": 1, "ZIP": 16}
"""Rows in a chunk, for the compressions that are read."""
_TYPES = (np.dtype("<u4"), np.dtype("<f2"), np.dtype("<f4"))
"""NumPy types by EXR's number of the pixel type."""


class UnsupportedExrError(PhotoError):
    """The file is valid, but of a kind that is not read here."""


@dataclass(frozen=True)
class _Part:
    """One picture of the file.

    Attributes:
        channels: (name, type) in the order of the file.
        compression: a key of _LINES.
        width, height: pixels of the data window.
        top: y of its first row.
        table: byte offset of the table of chunk offsets.
        numbered: whether chunks begin with the number of their part.
    """

    channels: tuple[tuple[str, np.dtype[np.generic]], ...]
    compression: str
    width: int
    height: int
    top: int
    table: int
    numbered: bool

    @property
    def chunks(self) -> int:
        return -(-self.height // _LINES[self.compression])


def exr_channels(path: Path) -> tuple[str, ...]:
    """The names of the file's channels, part by part; a layer's name is before the dot.

    Raises:
        UnsupportedExrError: the file is tiled or deep, subsampled, or in a compression that is not read.
        PhotoError: it is no EXR, or broken.
    """
    return tuple(name for part in _parts(path, path.read_bytes()) for name, _ in part.channels)


def depth_channel(path: Path) -> str:
    """The name of the channel that is most likely depth: Blender's Z, a renderer's depth, else the first colour.

    Raises:
        UnsupportedExrError, PhotoError: as exr_channels.
    """
    names = exr_channels(path)
    for last in ("Z", "DEPTH", "V", "Y", "R"):
        found = [name for name in names if name.upper().rsplit(".", 1)[-1] == last]
        if found:
            return found[0]
    return names[0]


def read_exr_channel(path: Path, name: str) -> NDArray[np.float32]:
    """One channel of an EXR.

    Args:
        path: the file.
        name: as exr_channels gives it.

    Returns:
        [H, W] float32, top row first, of the data window.

    Raises:
        UnsupportedExrError: the file is tiled or deep, subsampled, or in a compression that is not read.
        PhotoError: it is no EXR, broken, or has no such channel.
    """
    data = path.read_bytes()
    parts = _parts(path, data)
    for part in parts:
        names = [channel for channel, _ in part.channels]
        if name in names:
            try:
                return _read_rows(data, part, names.index(name))
            except (struct.error, zlib.error, ValueError, IndexError) as error:
                raise PhotoError("The EXR is broken", f"{path}: {error}") from error
    has = ", ".join(channel for part in parts for channel, _ in part.channels)
    raise PhotoError("The EXR has no such channel", f"{name!r} in {path}", f"It has: {has}.")


def _parts(path: Path, data: bytes) -> tuple[_Part, ...]:
    try:
        magic, version = struct.unpack_from("<iI", data, 0)
        if magic != _MAGIC:
            raise PhotoError("This is no EXR file", str(path))
        if version & (_TILED | _DEEP):
            raise UnsupportedExrError("This kind of EXR is not read", f"{path} is tiled or deep")
        numbered = bool(version & _MULTIPART)
        headers: list[dict[str, bytes]] = []
        at = 8
        while not headers or (numbered and data[at] != 0):
            attributes, at = _attributes(data, at)
            headers.append(attributes)
        at += numbered
        parts: list[_Part] = []
        for attributes in headers:
            parts.append(_part(path, attributes, at, numbered))
            at += 8 * parts[-1].chunks
    except (struct.error, KeyError, IndexError, ValueError) as error:
        raise PhotoError("The EXR is broken", f"{path}: its header ends early or lacks {error}") from error
    return tuple(parts)


def _part(path: Path, attributes: dict[str, bytes], table: int, numbered: bool) -> _Part:
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    code = attributes["compression"][0]
    compression = _COMPRESSIONS[code] if code < len(_COMPRESSIONS) else f"of type {code}"
    if compression not in _LINES:
        raise UnsupportedExrError(
            "This compression of EXR is not read", f"{path} is {compression}", "Save it with ZIP compression."
        )
    if attributes.get("type", b"scanlineimage") != b"scanlineimage":
        raise UnsupportedExrError("This kind of EXR is not read", f"{path} has a tiled or deep part")
    channels = _channels(attributes["channels"])
    return _Part(channels, compression, right - left + 1, bottom - top + 1, top, table, numbered)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode("utf-8", "replace"), end + 1


def _attributes(data: bytes, at: int) -> tuple[dict[str, bytes], int]:
    attributes = {}
    while data[at] != 0:
        name, at = _text(data, at)
        _, at = _text(data, at)
        (size,) = struct.unpack_from("<i", data, at)
        attributes[name] = data[at + 4 : at + 4 + size]
        at += 4 + size
    return attributes, at + 1


def _channels(data: bytes) -> tuple[tuple[str, np.dtype[np.generic]], ...]:
    channels = []
    at = 0
    while data[at] != 0:
        name, at = _text(data, at)
        kind, _, across, down = struct.unpack_from("<iIii", data, at)
        if (across, down) != (1, 1):
            raise UnsupportedExrError("This kind of EXR is not read", f"channel {name} is subsampled")
        channels.append((name, _TYPES[kind]))
        at += 16
    return tuple(channels)


def _read_rows(data: bytes, part: _Part, wanted: int) -> NDArray[np.float32]:
    row_bytes = [kind.itemsize * part.width for _, kind in part.channels]
    before, kind = sum(row_bytes[:wanted]), part.channels[wanted][1]
    lines = _LINES[part.compression]
    result = np.empty((part.height, part.width), dtype=np.float32)
    for offset in struct.unpack_from(f"<{part.chunks}Q", data, part.table):
        at = offset + 4 * part.numbered
        y, size = struct.unpack_from("<ii", data, at)
        first = y - part.top
        count = min(lines, part.height - first)
        raw = _unpacked(data[at + 8 : at + 8 + size], part.compression, count * sum(row_bytes))
        rows = np.frombuffer(raw, dtype=np.uint8).reshape(count, sum(row_bytes))
        own = np.ascontiguousarray(rows[:, before : before + row_bytes[wanted]])
        result[first : first + count] = own.view(kind).astype(np.float32)
    return result


def _unpacked(data: bytes, compression: str, size: int) -> bytes:
    """The chunk's bytes; a chunk that would have grown is stored as it is."""
    if compression == "NONE" or len(data) == size:
        return data
    packed = _run_lengths(data) if compression == "RLE" else zlib.decompress(data)
    # Undo the predictor (differences, offset by 128), then the split into even and odd bytes.
    delta = np.frombuffer(packed, dtype=np.uint8).astype(np.int64)
    delta[1:] -= 128
    values = np.cumsum(delta).astype(np.uint8)
    result = np.empty(len(values), dtype=np.uint8)
    half = (len(values) + 1) // 2
    result[0::2], result[1::2] = values[:half], values[half:]
    return result.tobytes()


def _run_lengths(data: bytes) -> bytes:
    parts = []
    at = 0
    while at < len(data):
        count = data[at] - 256 if data[at] > 127 else data[at]
        if count < 0:
            parts.append(data[at + 1 : at + 1 - count])
            at += 1 - count
        else:
            parts.append(data[at + 1 : at + 2] * (count + 1))
            at += 2
    return b"".join(parts)
