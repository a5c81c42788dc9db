"""Encodes messages to frames and decodes them: pure functions over bytes, no sockets.

A message is `[magic + major + minor][msgpack header][buffer ...]`. The header holds the message and lists dtype, shape
and byte count of every buffer. A number that came over the wire is checked before anything is allocated from it.
Whatever the bytes, these functions raise nothing but WireError.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ..errors import WireError
from .messages import PROTOCOL_VERSION, ClientMessage, Limits, ServerMessage

MAGIC = b"RCAM"
PREAMBLE = MAGIC + bytes(PROTOCOL_VERSION)
"""The first frame of every message: magic, major and minor version."""

DTypeName = Literal["uint8", "uint16", "float32", "float64"]
DTYPES: dict[str, DTypeName] = {name: name for name in get_args(DTypeName)}
"""The dtypes that may cross the wire, by numpy's name."""
Frame = bytes | bytearray | memoryview
Buffer = NDArray[Any]
M = TypeVar("M")

Extent = Annotated[int, Meta(ge=0, le=2**40)]
"""A length or byte count that a header may announce."""


class BufferSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """Describes a raw buffer: C order, little endian.

    Attributes:
        dtype: numpy's name of it.
        shape: up to 4 axes.
        nbytes: length of the buffer.
    """

    dtype: DTypeName
    shape: Annotated[tuple[Extent, ...], Meta(max_length=4)]
    nbytes: Extent

    @classmethod
    def of(cls, array: Buffer) -> BufferSpec:
        """The spec of an array.

        Raises:
            WireError: its dtype may not cross the wire.
        """
        name = DTYPES.get(array.dtype.name)
        if name is None:
            raise WireError("An array of this kind may not cross the wire", str(array.dtype))
        return cls(name, tuple(int(n) for n in array.shape), array.nbytes)

    def check(self, available: int) -> None:
        """Refuse a spec whose shape does not account for exactly `nbytes`, or whose `nbytes` are not all there.

        Args:
            available: bytes that are there.

        Raises:
            WireError: these three numbers are not the same.
        """
        wanted = math.prod(self.shape) * np.dtype(self.dtype).itemsize
        if wanted != self.nbytes or self.nbytes != available:
            raise WireError(
                "A buffer is not as long as it says",
                f"{self.dtype} {list(self.shape)} takes {wanted} bytes, {self.nbytes} announced, {available} there",
            )

    def view(self, frame: Frame) -> Buffer:
        """The array over `frame`, without a copy; read-only if the frame is.

        Raises:
            WireError: the spec does not fit the frame.
        """
        memory = memoryview(frame)
        self.check(memory.nbytes)
        try:
            return np.frombuffer(memory, dtype=np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)
        except ValueError as error:
            # An empty array whose other axes are longer than numpy can index.
            raise WireError("A buffer's shape makes no sense", f"{list(self.shape)}: {error}") from error


class Header(msgspec.Struct, Generic[M], frozen=True, forbid_unknown_fields=True, array_like=True):
    """The second frame: the message, the specs of its buffers, and the request id."""

    message: M
    buffers: tuple[BufferSpec, ...] = ()
    request_id: Annotated[int, Meta(ge=0, le=2**48)] = 0


class Received(msgspec.Struct, Generic[M], frozen=True):
    """A decoded message.

    Attributes:
        message: the message.
        buffers: its arrays, views on the received frames.
        request_id: a number that a client gives to a request and the server repeats in the answers to it; 0 for
            messages that answer no request.
    """

    message: M
    buffers: tuple[Buffer, ...] = ()
    request_id: int = 0


class ProtocolMismatchError(WireError):
    """The other side speaks another major version.

    Args:
        theirs: its (major, minor).
    """

    def __init__(self, theirs: tuple[int, int]) -> None:
        self.theirs = theirs
        ours = PROTOCOL_VERSION
        super().__init__(
            "The other side speaks another version of the protocol",
            f"it has {theirs[0]}.{theirs[1]}, this side {ours[0]}.{ours[1]}",
            f"Update {'this side' if theirs > ours else 'the other side'}.",
        )


_encoder = msgspec.msgpack.Encoder()
_client_decoder = msgspec.msgpack.Decoder(Header[ClientMessage])
_server_decoder = msgspec.msgpack.Decoder(Header[ServerMessage])


def encode(message: ClientMessage | ServerMessage, buffers: Sequence[Buffer] = (), request_id: int = 0) -> list[Frame]:
    """The frames of a message. Contiguous buffers are sent without a copy.

    Args:
        message: what to send.
        buffers: arrays that go with it.
        request_id: see Received.

    Raises:
        WireError: a buffer's dtype may not cross the wire.
    """
    arrays = [np.ascontiguousarray(array) for array in buffers]
    header = Header(message, tuple(BufferSpec.of(array) for array in arrays), request_id)
    return [PREAMBLE, _encoder.encode(header), *(raw_bytes(array) for array in arrays)]


def raw_bytes(array: Buffer) -> memoryview:
    """The bytes of a contiguous array, without a copy."""
    return array.reshape(-1).view(np.uint8).data


def decode_client_message(frames: Sequence[Frame], limits: Limits) -> Received[ClientMessage]:
    """The message that a client sent.

    Args:
        frames: without ZeroMQ's route.
        limits: how much of it is taken.

    Raises:
        WireError: it cannot be read, or is beyond the limits; ProtocolMismatchError for another major version.
    """
    return _decode(frames, limits, _client_decoder)


def decode_server_message(frames: Sequence[Frame], limits: Limits) -> Received[ServerMessage]:
    """The message that a server sent.

    Args:
        frames: as they came.
        limits: how much of it is taken.

    Raises:
        WireError: it cannot be read, or is beyond the limits; ProtocolMismatchError for another major version.
    """
    return _decode(frames, limits, _server_decoder)


def _decode(frames: Sequence[Frame], limits: Limits, decoder: msgspec.msgpack.Decoder[Header[M]]) -> Received[M]:
    if not 2 <= len(frames) <= 2 + limits.buffers:
        raise WireError("A message has the wrong number of frames", f"{len(frames)}, allowed 2 to {2 + limits.buffers}")
    _check_preamble(frames[0])
    size = memoryview(frames[1]).nbytes
    if size > limits.header_bytes:
        raise WireError("A message header is too large", f"{size} bytes, allowed {limits.header_bytes}")
    try:
        header = decoder.decode(frames[1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("A message cannot be read", str(error)) from error
    if len(header.buffers) != len(frames) - 2:
        raise WireError(
            "A message has lost a buffer", f"{len(header.buffers)} announced, {len(frames) - 2} came with it"
        )
    pairs = zip(header.buffers, frames[2:], strict=True)
    return Received(header.message, tuple(spec.view(frame) for spec, frame in pairs), header.request_id)


def _check_preamble(frame: Frame) -> None:
    memory = memoryview(frame)
    if memory.nbytes != len(PREAMBLE) or bytes(memory[: len(MAGIC)]) != MAGIC:
        raise WireError("The other side does not speak RealCam's protocol", f"first bytes {bytes(memory[:8]).hex()}")
    theirs = (memory[len(MAGIC)], memory[len(MAGIC) + 1])
    if theirs[0] != PROTOCOL_VERSION[0]:
        raise ProtocolMismatchError(theirs)
