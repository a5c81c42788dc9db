"""A Shot as one blob of bytes: what a client uploads and a worker reads.

`[magic 8][header length, uint32 LE][msgpack header][padding][buffer][padding][buffer] ...`; buffers are raw, C order,
little endian, each on a 64-byte boundary, so that a decoded Shot is a set of views on the blob.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from .errors import CameraError, ShotError, WireError
from .framing import Buffer, BufferSpec, raw_bytes
from .messages import Limits
from .shot import Shot, ShotSettings
from .trajectory import Trajectory

MAGIC = b"RCSHOT\x00\x01"
ALIGNMENT = 64
LONGEST_PROMPT = 8000
LARGEST_NUMBER = 1e9
"""Metres and pixels beyond this are no camera, and would overflow further on."""
BUFFERS: dict[str, tuple[str, int]] = {
    "camera_to_world": ("float64", 3),
    "intrinsics": ("float64", 3),
    "photo_intrinsics": ("float64", 2),
    "depth": ("float32", 2),
    "photo": ("uint8", 3),
    "preview": ("uint8", 4),
}
"""Name -> (dtype, number of axes), in file order."""

Pixels = Annotated[int, Meta(ge=1, le=2**20)]


class ShotHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything of a shot but its arrays."""

    settings: ShotSettings
    width: Pixels
    height: Pixels
    fps: float
    depth_edge: float
    buffers: dict[str, BufferSpec]

    @property
    def frames(self) -> int:
        """How many frames the clip shall have."""
        return self.buffers["camera_to_world"].shape[0]


@dataclass(frozen=True)
class _Layout:
    header: ShotHeader
    offsets: dict[str, int]
    nbytes: int


_decoder = msgspec.msgpack.Decoder(ShotHeader)


def encode_shot(shot: Shot) -> bytes:
    """The blob of a shot. Its sha256 is the digest a job is submitted under."""
    arrays: dict[str, Buffer] = {
        "camera_to_world": shot.trajectory.camera_to_world,
        "intrinsics": shot.trajectory.intrinsics,
        "photo_intrinsics": np.asarray(shot.photo_intrinsics, dtype=np.float64),
        "depth": shot.depth,
        "photo": shot.photo,
        "preview": shot.preview,
    }
    header = ShotHeader(
        settings=shot.settings,
        width=shot.trajectory.width,
        height=shot.trajectory.height,
        fps=float(shot.trajectory.fps),
        depth_edge=float(shot.depth_edge),
        buffers={name: BufferSpec.of(arrays[name]) for name in BUFFERS},
    )
    encoded = msgspec.msgpack.encode(header)
    layout = _layout(header, len(encoded))
    blob = bytearray(layout.nbytes)
    blob[:12] = MAGIC + struct.pack("<I", len(encoded))
    blob[12 : 12 + len(encoded)] = encoded
    for name, offset in layout.offsets.items():
        array = np.ascontiguousarray(arrays[name])
        blob[offset : offset + array.nbytes] = raw_bytes(array)
    return bytes(blob)


def read_shot_header(data: bytes | memoryview, limits: Limits) -> ShotHeader:
    """The header alone, checked against the limits and the blob's length. Raises WireError."""
    return _read_layout(memoryview(data), limits).header


def decode_shot(data: bytes | memoryview, limits: Limits) -> Shot:
    """The shot in a blob; its arrays are views on `data`.

    Raises WireError when the bytes are not a shot within the limits, ShotError or CameraError when they are one that
    makes no sense (NaN poses, a preview of another size ...).
    """
    memory = memoryview(data)
    layout = _read_layout(memory, limits)
    header = layout.header
    arrays = {
        name: header.buffers[name].view(memory[offset : offset + header.buffers[name].nbytes])
        for name, offset in layout.offsets.items()
    }
    for name in ("camera_to_world", "intrinsics", "photo_intrinsics"):
        if not (np.abs(arrays[name]) < LARGEST_NUMBER).all():
            raise CameraError("A camera is not made of reasonable numbers", f"{name} has NaN, infinite or huge entries")
    try:
        # What is no rotation may overflow on the way to being refused.
        with np.errstate(all="ignore"):
            trajectory = Trajectory(
                arrays["camera_to_world"], arrays["intrinsics"], header.width, header.height, header.fps
            )
    except np.linalg.LinAlgError as error:
        raise CameraError("A pose is not a rigid motion", str(error)) from error
    if np.isinf(arrays["depth"]).any():
        raise ShotError("The depth is not a float32 map", "it holds infinite values; unknown depth is NaN")
    return Shot(
        trajectory=trajectory,
        preview=arrays["preview"],
        photo=arrays["photo"],
        photo_intrinsics=arrays["photo_intrinsics"],
        depth=arrays["depth"],
        settings=header.settings,
        depth_edge=header.depth_edge,
    )


def _read_layout(memory: memoryview, limits: Limits) -> _Layout:
    if memory.nbytes > limits.shot_bytes:
        raise WireError("The shot is too large", f"{memory.nbytes} bytes, allowed {limits.shot_bytes}")
    if memory.nbytes < 12 or bytes(memory[:8]) != MAGIC:
        raise WireError("This is not a shot", f"first bytes {bytes(memory[:8]).hex()}")
    (length,) = struct.unpack("<I", memory[8:12])
    if length > min(limits.header_bytes, memory.nbytes - 12):
        raise WireError("The shot's header is too large", f"{length} bytes, allowed {limits.header_bytes}")
    try:
        header = _decoder.decode(memory[12 : 12 + length])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("The shot cannot be read", str(error)) from error
    _check_header(header, limits)
    layout = _layout(header, length)
    if layout.nbytes != memory.nbytes:
        raise WireError("The shot is not as long as it says", f"{layout.nbytes} announced, {memory.nbytes} bytes there")
    return layout


def _check_header(header: ShotHeader, limits: Limits) -> None:
    """Every number of the header against the limits, before an array is made."""
    if list(header.buffers) != list(BUFFERS):
        raise WireError("The shot has the wrong parts", f"{sorted(header.buffers)}, expected {sorted(BUFFERS)}")
    for name, (dtype, axes) in BUFFERS.items():
        spec = header.buffers[name]
        if spec.dtype != dtype or len(spec.shape) != axes:
            raise WireError(f"The shot's {name} has the wrong form", f"{spec.dtype} {list(spec.shape)}")
        spec.check(spec.nbytes)
    if not 1 <= header.frames <= limits.frames:
        raise WireError("The shot has too many frames", f"{header.frames}, allowed 1 to {limits.frames}")
    if max(header.width, header.height) > limits.side:
        raise WireError("The clip is too large", f"{header.width} x {header.height}, allowed {limits.side} a side")
    for name in ("photo", "depth"):
        rows, columns = header.buffers[name].shape[:2]
        if not 1 <= rows * columns <= limits.photo_pixels:
            raise WireError(f"The {name} is too large", f"{columns} x {rows}, allowed {limits.photo_pixels} pixels")
    if header.buffers["preview"].shape != (header.frames, header.height, header.width, 4):
        raise WireError(
            "The preview does not fit the clip",
            f"{list(header.buffers['preview'].shape)} for {header.frames} frames of {header.width} x {header.height}",
        )
    settings = header.settings
    if max(len(settings.prompt), len(settings.negative_prompt)) > LONGEST_PROMPT:
        raise WireError("The prompt is too long", f"allowed {LONGEST_PROMPT} characters")
    if not (np.isfinite(header.fps) and np.isfinite(header.depth_edge) and header.depth_edge > 0):
        raise WireError("The shot's numbers make no sense", f"fps {header.fps}, depth edge {header.depth_edge}")


def _layout(header: ShotHeader, header_bytes: int) -> _Layout:
    position = 12 + header_bytes
    offsets: dict[str, int] = {}
    for name in BUFFERS:
        position = -(-position // ALIGNMENT) * ALIGNMENT
        offsets[name] = position
        position += header.buffers[name].nbytes
    return _Layout(header, offsets, position)
