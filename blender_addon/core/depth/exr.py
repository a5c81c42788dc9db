"""Read channels of an OpenEXR file by name.

Blender gives Python access only to the first layer's colours, and depth is in none of them. Rows or tiles,
uncompressed or ZIP, ZIPS, RLE: what Blender, Nuke and Arnold write by default. Of other compressions a library that
may be there unpacks the channel (ChannelDecoder).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import PhotoError
from ..photo.photo_file import MOST_PIXELS
from .depth_question import which_channel
from .exr_layers import askable_channels, depth_channels, grey_channels

_MAGIC = 20000630
_DEEP, _MULTIPART = 0x800, 0x1000
_COMPRESSIONS = ("NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
_LINES = {"NONE": 1, "RLE": 1, "ZIPS": 1, "ZIP": 16}
"""Rows in a chunk, for the compressions that are read."""
_TYPES = (np.dtype("<u4"), np.dtype("<f2"), np.dtype("<f4"))
"""NumPy types by EXR's number of the pixel type."""


class UnsupportedExrError(PhotoError):
    """The file is valid, but of a kind that is not read here."""


ChannelDecoder: TypeAlias = Callable[[Path, int, str], NDArray[Any] | None]
"""Path, number of the part and name of a channel -> its numbers [h, w] in the data window; None if it cannot tell."""


class Window(NamedTuple):
    """A rectangle of whole pixels.

    Attributes:
        left, top: of its first pixel, in the file's coordinates.
        width, height: pixels.
    """

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class _Part:
    """One picture of the file.

    Attributes:
        channels: (name, type) in the order of the file; with the part's name before it in a file of several parts.
        compression: how EXR calls it.
        data: the pixels that are stored.
        display: the pixels that are the picture: a render region or a crop stores fewer, an overscan more.
        tile: (width, height) of tiles, pixels; None where rows are stored.
        table: byte offset of the table of chunk offsets.
        numbered: whether chunks begin with the number of their part.
    """

    channels: tuple[tuple[str, np.dtype[np.generic]], ...]
    compression: str
    data: Window
    display: Window
    tile: tuple[int, int] | None
    table: int
    numbered: bool

    @property
    def block(self) -> tuple[int, int]:
        """(width, height) of the pixels in a chunk, fewer at the right and at the bottom."""
        return self.tile or (self.data.width, _LINES.get(self.compression, 1))

    @property
    def chunks(self) -> int:
        """How many chunks hold the picture."""
        across, down = self.block
        return -(-self.data.width // across) * -(-self.data.height // down)


def exr_channels(path: Path) -> tuple[str, ...]:
    """The names of the file's channels, part by part; the names of its part and layers are before dots.

    Raises:
        UnsupportedExrError: the file is deep, or subsampled.
        PhotoError: it is no EXR, or broken.
    """
    return tuple(name for part in _parts(path, path.read_bytes()) for name, _ in part.channels)


def depth_channel(path: Path) -> str:
    """The name of the channel that is depth by the names of the file; of a picture of one layer its first colour.

    Raises:
        DepthQuestionError: several channels may be depth, or none is called so.
        UnsupportedExrError, PhotoError: as exr_channels.
    """
    names = exr_channels(path)
    found = depth_channels(names)
    likely = found or grey_channels(names)[:1]
    if len(likely) == 1:
        return likely[0]
    raise which_channel("channel", f"{path.name} has {', '.join(found or names)}", found or askable_channels(names))


def exr_window(path: Path) -> tuple[Window, Window]:
    """(data window, display window) of the file's first part.

    Raises:
        UnsupportedExrError, PhotoError: as exr_channels.
    """
    part = _parts(path, path.read_bytes())[0]
    return part.data, part.display


def read_exr_channel(
    path: Path, name: str, decode: ChannelDecoder | None = None, otherwise: str = ""
) -> NDArray[np.float32]:
    """One channel of an EXR.

    Args:
        path: the file.
        name: as exr_channels gives it; the name of the part may be left out where no other part has such a channel.
        decode: for compressions that are not read here.
        otherwise: sentence on what to do where it does not read them either, beside saving the file anew.

    Returns:
        [H, W] float32, top row first, of the display window: NaN where the file stores nothing of it.

    Raises:
        UnsupportedExrError: the file is deep, subsampled, or in a compression that is not read.
        PhotoError: it is no EXR, broken, or has no such channel.
    """
    data = path.read_bytes()
    parts = _parts(path, data)
    every = [(part, index, own) for part in range(len(parts)) for index, (own, _) in enumerate(parts[part].channels)]
    found = [(part, index) for part, index, own in every if own == name]
    if not found and len(parts) > 1:
        found = [(part, index) for part, index, own in every if own.endswith(f".{name}")]
    if len(found) != 1:
        has = ", ".join(channel for part in parts for channel, _ in part.channels)
        raise PhotoError("The EXR has no such channel", f"{name!r} in {path}", f"It has: {has}.")
    number, index = found[0]
    part = parts[number]
    if part.compression not in _LINES:
        decoded = decode(path, number, part.channels[index][0]) if decode else None
        if decoded is None or decoded.shape != (part.data.height, part.data.width):
            raise UnsupportedExrError(
                "This compression of EXR is not read",
                f"{path} is {part.compression}",
                f"Save it with ZIP compression. {otherwise}".rstrip(),
            )
        return _placed(decoded.astype(np.float32), part)
    try:
        return _placed(_read_blocks(data, part, index), part)
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise PhotoError("The EXR is broken", f"{path}: {error}") from error


def own_name(channels: Sequence[str], full: str) -> str | None:
    """The name among one part's own that exr_channels gives in full: with the part's before it, perhaps.

    Args:
        channels: of the part, as its file has them.
        full: as exr_channels gives it.
    """
    found = [name for name in channels if full == name or full.endswith(f".{name}")]
    return max(found, key=len, default=None)


def _parts(path: Path, data: bytes) -> tuple[_Part, ...]:
    try:
        magic, version = struct.unpack_from("<iI", data, 0)
        if magic != _MAGIC:
            raise PhotoError("This is no EXR file", str(path))
        if version & _DEEP:
            raise UnsupportedExrError("This kind of EXR is not read", f"{path} is deep")
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
            stored = attributes.get("chunkCount")
            at += 8 * (struct.unpack("<i", stored)[0] if stored else parts[-1].chunks)
    except (struct.error, KeyError, IndexError, ValueError) as error:
        raise PhotoError("The EXR is broken", f"{path}: its header ends early or lacks {error}") from error
    return tuple(parts)


def _part(path: Path, attributes: dict[str, bytes], table: int, numbered: bool) -> _Part:
    code = attributes["compression"][0]
    compression = _COMPRESSIONS[code] if code < len(_COMPRESSIONS) else f"of type {code}"
    kind = attributes.get("type", b"").rstrip(b"\0")
    if kind.startswith(b"deep"):
        raise UnsupportedExrError("This kind of EXR is not read", f"{path} has a deep part")
    tile = None
    if "tiles" in attributes and kind != b"scanlineimage":
        across, down = struct.unpack_from("<2I", attributes["tiles"])
        if not across or not down:
            raise ValueError(f"a size of its tiles: {across} x {down}")
        tile = (across, down)
    data, display = (_window(attributes[name]) for name in ("dataWindow", "displayWindow"))
    name = attributes.get("name", b"").decode("utf-8", "replace").rstrip("\0")
    channels = tuple((_full(name, channel, numbered), kind) for channel, kind in _channels(attributes["channels"]))
    return _Part(channels, compression, data, display, tile, table, numbered)


def _window(attribute: bytes) -> Window:
    left, top, right, bottom = struct.unpack("<4i", attribute)
    if right < left or bottom < top:
        raise ValueError(f"a window from {left}, {top} to {right}, {bottom}")
    width, height = right - left + 1, bottom - top + 1
    if width * height > MOST_PIXELS:
        raise ValueError(f"a window of {MOST_PIXELS // 10**6} million pixels at most: it has {width} x {height}")
    return Window(left, top, width, height)


def _full(part: str, channel: str, numbered: bool) -> str:
    """A channel's name with its part's before it, unless it says so itself: depth.Z in a part called depth."""
    return channel if not numbered or not part or channel.startswith(f"{part}.") else f"{part}.{channel}"


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode("utf-8", "replace"), end + 1


def _attributes(data: bytes, at: int) -> tuple[dict[str, bytes], int]:
    attributes = {}
    while data[at] != 0:
        name, at = _text(data, at)
        _, at = _text(data, at)
        (size,) = struct.unpack_from("<I", data, at)
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


def _read_blocks(data: bytes, part: _Part, wanted: int) -> NDArray[np.float32]:
    """One channel [h, w] of the data window."""
    width, height = part.data.width, part.data.height
    across, down = part.block
    result = np.empty((height, width), dtype=np.float32)
    # Of a file with smaller copies of itself (mipmaps) the first chunks are the whole picture's.
    for offset in struct.unpack_from(f"<{part.chunks}Q", data, part.table):
        at = offset + 4 * part.numbered
        if part.tile:
            column, row, *_level, size = struct.unpack_from("<5i", data, at)
            x, y, at = column * across, row * down, at + 20
        else:
            line, size = struct.unpack_from("<2i", data, at)
            x, y, at = 0, line - part.data.top, at + 8
        columns, rows = min(across, width - x), min(down, height - y)
        bytes_of = [kind.itemsize * columns for _, kind in part.channels]
        before, kind = sum(bytes_of[:wanted]), part.channels[wanted][1]
        raw = _unpacked(data[at : at + size], part.compression, rows * sum(bytes_of))
        block = np.frombuffer(raw, dtype=np.uint8).reshape(rows, sum(bytes_of))
        own = np.ascontiguousarray(block[:, before : before + bytes_of[wanted]])
        result[y : y + rows, x : x + columns] = own.view(kind).astype(np.float32)
    return result


def _placed(stored: NDArray[np.float32], part: _Part) -> NDArray[np.float32]:
    """The data window's numbers in the display window: cut to it, NaN where there are none."""
    data, display = part.data, part.display
    if data == display:
        return stored
    result = np.full((display.height, display.width), np.nan, dtype=np.float32)
    left, top = max(data.left, display.left), max(data.top, display.top)
    right = min(data.left + data.width, display.left + display.width)
    bottom = min(data.top + data.height, display.top + display.height)
    if right > left and bottom > top:
        result[top - display.top : bottom - display.top, left - display.left : right - display.left] = stored[
            top - data.top : bottom - data.top, left - data.left : right - data.left
        ]
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
