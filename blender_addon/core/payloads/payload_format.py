"""The byte layout of job payloads: a header and arrays, of a kind that the first bytes name.

`[magic 8][header length, uint32 LE][msgpack header][padding][buffer][padding][buffer] ...`; buffers are raw, C order,
little endian, each on a 64-byte boundary, so that what is decoded is a set of views on the payload.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import numpy as np

from ..errors import WireError
from ..printable import printable
from ..protocol.framing import Buffer, BufferSpec, raw_bytes
from ..protocol.messages import Limits

ALIGNMENT = 64
"""Bytes; each buffer begins at a multiple."""
SLOWEST, FASTEST = 0.01, 1000.0
"""Frames a second that a video may have."""

Shape = tuple[int | None, ...]
"""Lengths of an array's axes; None for any."""


class PayloadHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything of a payload but its arrays; subclasses add their fields. `buffers` describes the arrays by name."""

    buffers: dict[str, BufferSpec]


H = TypeVar("H", bound=PayloadHeader)


@dataclass(frozen=True)
class PayloadFormat(Generic[H]):
    """One kind of payload.

    Attributes:
        what: its name in error messages.
        magic: the first 8 bytes.
        header: the type of its header.
        buffers: (dtype, shape) of each array by name, in file order.
        check: raises WireError for a header beyond the limits or whose numbers make no sense.
        optional: names of arrays that may be missing.
    """

    what: str
    magic: bytes
    header: type[H]
    buffers: Mapping[str, tuple[str, Shape]]
    check: Callable[[H, Limits], None]
    optional: frozenset[str] = frozenset()

    def encode(self, header: H, arrays: Mapping[str, Buffer]) -> bytes:
        """The bytes of a payload.

        Args:
            header: its `buffers` are the specs of `arrays`, see `specs`.
            arrays: by name.

        Raises:
            WireError: the header holds text that is no Unicode.
        """
        try:
            encoded = msgspec.msgpack.encode(header)
        except UnicodeEncodeError as error:
            raise WireError(
                f"The {self.what} holds text that cannot be sent",
                f"a character of it is no UTF-8: {printable(error.object[error.start : error.end])}",
                "Type it anew.",
            ) from error
        offsets, _ = self._layout(header, len(encoded))
        parts: list[bytes | memoryview] = [self.magic, struct.pack("<I", len(encoded)), encoded]
        end = 12 + len(encoded)
        for name, offset in offsets.items():
            array = raw_bytes(np.ascontiguousarray(arrays[name]))
            parts += [bytes(offset - end), array]
            end = offset + array.nbytes
        return b"".join(parts)

    def specs(self, arrays: Mapping[str, Buffer]) -> dict[str, BufferSpec]:
        """The specs of these arrays for a header, in file order.

        Raises:
            WireError: the dtype of one may not cross the wire.
        """
        lacking = self.optional - arrays.keys()
        return {name: BufferSpec.of(arrays[name]) for name in self.buffers if name not in lacking}

    def has_format_of(self, data: bytes | memoryview) -> bool:
        """Whether the bytes begin with this kind's magic."""
        return bytes(memoryview(data)[: len(self.magic)]) == self.magic

    def decode(self, data: bytes | memoryview, limits: Limits) -> tuple[H, dict[str, Buffer]]:
        """The header and the arrays of a payload; the arrays are views on `data`.

        Raises:
            WireError: the bytes are no payload of this kind within the limits.
        """
        memory = memoryview(data)
        header, offsets = self._read(memory, limits)
        specs = header.buffers
        return header, {name: specs[name].view(memory[at : at + specs[name].nbytes]) for name, at in offsets.items()}

    def _read(self, memory: memoryview, limits: Limits) -> tuple[H, dict[str, int]]:
        if memory.nbytes > limits.payload_bytes:
            raise WireError(f"The {self.what} is too large", f"{memory.nbytes} bytes, allowed {limits.payload_bytes}")
        if memory.nbytes < 12 or not self.has_format_of(memory):
            raise WireError(f"This is not a {self.what}", f"first bytes {bytes(memory[:8]).hex()}")
        (length,) = struct.unpack("<I", memory[8:12])
        if length > min(limits.header_bytes, memory.nbytes - 12):
            raise WireError(f"The {self.what}'s header is too large", f"{length} bytes, allowed {limits.header_bytes}")
        try:
            header = msgspec.msgpack.decode(memory[12 : 12 + length], type=self.header)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise WireError(f"The {self.what} cannot be read", str(error)) from error
        self._check_buffers(header)
        self.check(header, limits)
        offsets, nbytes = self._layout(header, length)
        if nbytes != memory.nbytes:
            raise WireError(
                f"The {self.what} is not as long as it says", f"{nbytes} announced, {memory.nbytes} bytes there"
            )
        return header, offsets

    def _check_buffers(self, header: H) -> None:
        lacking = self.optional - header.buffers.keys()
        if list(header.buffers) != [name for name in self.buffers if name not in lacking]:
            raise WireError(
                f"The {self.what} has the wrong parts", f"{sorted(header.buffers)}, expected {sorted(self.buffers)}"
            )
        for name, spec in header.buffers.items():
            dtype, shape = self.buffers[name]
            if spec.dtype != dtype or not _fits(spec.shape, shape):
                raise WireError(f"The {self.what}'s {name} has the wrong form", f"{spec.dtype} {list(spec.shape)}")
            spec.check(spec.nbytes)

    def _layout(self, header: H, header_bytes: int) -> tuple[dict[str, int], int]:
        """The offset of each buffer by name, and the length of the payload, in bytes."""
        position = 12 + header_bytes
        offsets: dict[str, int] = {}
        for name in header.buffers:
            position = -(-position // ALIGNMENT) * ALIGNMENT
            offsets[name] = position
            position += header.buffers[name].nbytes
        return offsets, position


def _fits(shape: tuple[int, ...], wanted: Shape) -> bool:
    return len(shape) == len(wanted) and all(length in (None, n) for n, length in zip(shape, wanted, strict=True))


def check_pixels(name: str, spec: BufferSpec, limits: Limits) -> None:
    """Refuse a picture or map that is empty or larger than a photo may be.

    Args:
        name: what error messages call it.
        spec: of shape [h, w, ...].
        limits: the server's.

    Raises:
        WireError: it is.
    """
    rows, columns = spec.shape[:2]
    if not 1 <= rows * columns <= limits.photo_pixels:
        raise WireError(f"The {name} is too large", f"{columns} x {rows}, allowed {limits.photo_pixels} pixels")


def check_clip(what: str, frames: int, size: tuple[int, int], fps: float, limits: Limits) -> None:
    """Refuse a clip beyond the limits, or with a frame rate that no video has.

    Args:
        what: what error messages call the payload.
        frames: frame count.
        size: (width, height) in pixels.
        fps: frames a second.
        limits: the server's.

    Raises:
        WireError: it is.
    """
    if not 1 <= frames <= limits.frames:
        raise WireError(f"The {what} has too many frames", f"{frames}, allowed 1 to {limits.frames}")
    if max(size) > limits.side:
        raise WireError("The clip is too large", f"{size[0]} x {size[1]}, allowed {limits.side} a side")
    if not SLOWEST <= fps <= FASTEST:
        raise WireError("The frame rate makes no sense", f"{fps:g} frames a second, allowed {SLOWEST:g} to {FASTEST:g}")


def check_poses(what: str, header: PayloadHeader, frames: int) -> None:
    """Refuse a header without exactly one pose and one camera matrix for each frame.

    Args:
        what: what error messages call the payload.
        header: with the buffers `camera_to_world` and `intrinsics`.
        frames: frame count.

    Raises:
        WireError: their counts differ.
    """
    for name in ("camera_to_world", "intrinsics"):
        count = header.buffers[name].shape[0]
        if count != frames:
            raise WireError(f"The {what}'s {name} has the wrong form", f"{count} for {frames} frames")
