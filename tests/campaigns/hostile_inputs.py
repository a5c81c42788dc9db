"""What no client should send, by name: messages as their frames, and payloads to upload as shots."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from blender_addon.core.payloads.depth_request import DEPTH_REQUEST, DepthRequest, encode_depth_request
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.payloads.shot_file import SHOT, encode_shot
from blender_addon.core.protocol.capability import SettingValue
from blender_addon.core.protocol.framing import PREAMBLE, Buffer, BufferSpec, Header, encode
from blender_addon.core.protocol.messages import Limits, ListJobs, Ping, Submit, UploadChunk
from server.demo.motorcycle import motorcycle
from tests.support.shots import small_shot

LIMITS = Limits()
JOB = "0123456789abcdef"
HUGE = 30_000
"""Pixels a side."""

Frames = list[bytes]


def messages() -> dict[str, Frames]:
    """Each is refused in words on either socket."""
    submit = msgspec.to_builtins(Submit(job_id=JOB, digest="0" * 64, nbytes=5, engine="draft"))
    return {
        "200,001 frames": [b""] * 200_001,
        "200,001 frames after a good head": [PREAMBLE, _packed(ListJobs()), *[b""] * 199_999],
        "one frame": [PREAMBLE],
        "another protocol": [b"GET / HTTP/1.1", b"Host: x"],
        "arrays in arrays, 60,000 deep": [PREAMBLE, b"\x91" * 60_000],
        "maps in maps, 30,000 deep": [PREAMBLE, b"\x81\xa0" * 30_000],
        "an array of four billion": [PREAMBLE, b"\xdd\xff\xff\xff\xff"],
        "a text of four billion": [PREAMBLE, b"\xdb\xff\xff\xff\xff"],
        "a header over the limit": [PREAMBLE, b"\x00" * (LIMITS.header_bytes + 1)],
        "too many buffers": [*map(bytes, encode(ListJobs())), *[b"x"] * (LIMITS.buffers + 1)],
        "an empty buffer of 2^120 bytes": _chunk(BufferSpec("uint8", (0, 2**40, 2**40, 2**40), 0)),
        "a buffer that is longer than it is": _chunk(BufferSpec("uint8", (2**40,), 2**40), b"x"),
        "a path as a job's id": _submit(submit, job_id="../../../../etc/passwd"),
        "a path as an engine": _submit(submit, engine="../../bin/sh"),
        "a title of 60,000 letters": _submit(submit, title="x" * 60_000),
        "a shot of minus one byte": _submit(submit, nbytes=-1),
        "a field that is not known": _submit(submit, code="import os"),
    }


def cut_off() -> dict[str, tuple[str, Frames]]:
    """Frames beyond what ZeroMQ is told to take, and the channel: the connection ends."""
    return {
        "a header of 10 MB": ("control", [PREAMBLE, b"\x00" * 10_000_000]),
        "a header of 10 MB as data": ("data", [PREAMBLE, b"\x00" * 10_000_000]),
    }


def flood() -> list[Frames]:
    """Questions whose answers nobody takes."""
    return [[bytes(frame) for frame in encode(Ping(token=token))] for token in range(5000)]


def payloads() -> dict[str, bytes]:
    """Each is refused when it is uploaded as a shot for the draft engine, and none costs memory before."""
    shot = small_shot(motorcycle(), "draft")
    payload = encode_shot(shot)
    arrays = SHOT.decode(payload, LIMITS)[1]
    nan_pose = _edited(arrays["camera_to_world"], (1, 0, 3), np.nan)
    photo = {"photo": BufferSpec("uint8", (HUGE, HUGE, 3), HUGE * HUGE * 3)}
    last = {"last_image": BufferSpec("uint8", (HUGE, HUGE, 3), HUGE * HUGE * 3)}
    many = {"camera_to_world": BufferSpec("float64", (2**20, 4, 4), 2**20 * 128)}
    settings = {"engine": "draft", "options": {"seam": [[[]]]}}
    long = ShotSettings(engine="draft", prompt="x" * 60_000)
    return {
        "random bytes": np.random.default_rng(0).bytes(100_000),
        "a PNG of 30,000 x 30,000": _huge_png(),
        "a photo of 30,000 x 30,000": _reheaded(payload, photo),
        "a last image of 30,000 x 30,000": _reheaded(payload, last),
        "a photo of 30,000 x 30,000 whose depth is asked": _huge_depth_request(photo),
        "a million frames": _reheaded(payload, many),
        "NaN poses": _with_arrays(payload, camera_to_world=nan_pose),
        "infinite poses": _with_arrays(payload, camera_to_world=np.full_like(nan_pose, np.inf)),
        "poses of 1e300": _with_arrays(payload, camera_to_world=np.full_like(nan_pose, 1e300)),
        "poses that are no motion": _with_arrays(payload, camera_to_world=np.zeros_like(nan_pose)),
        "a camera matrix of 2 x 5": _with_arrays(payload, photo_intrinsics=np.ones((2, 5))),
        "a camera matrix of NaN": _with_arrays(payload, photo_intrinsics=np.full((3, 3), np.nan)),
        "infinite depth": _with_arrays(payload, depth=np.full((80, 120), np.inf, np.float32)),
        "depth of a tenth of nothing": _with_arrays(payload, depth=np.full((80, 120), 1e-44, np.float32)),
        "no depth at all": _with_arrays(payload, depth=np.zeros((0, 2**20), np.float32)),
        "1e300 frames a second": _reheaded(payload, fps=1e300),
        "NaN frames a second": _reheaded(payload, fps=float("nan")),
        "a prompt of 60,000 letters": _reheaded(payload, settings=long),
        "options that are lists": _raw_header(payload, settings=settings),
        "bombs in the settings": SHOT.magic + struct.pack("<I", 60_000) + b"\x81\xa8settings" + b"\x91" * 60_000,
        "a header of four billion bytes": SHOT.magic + struct.pack("<I", 2**32 - 1) + payload[12:],
        "half a shot": payload[: len(payload) // 2],
    }


def jobs() -> dict[str, bytes]:
    """Shots that make sense to the server, with options that make none to the engine: the job fails in words."""
    options: dict[str, SettingValue] = {
        "an infinite option": float("inf"),
        "a NaN option": float("nan"),
        "an option of 1e300": 1e300,
        "a text as a number": "x" * 10_000,
    }
    return {name: encode_shot(small_shot(motorcycle(), "draft", seam=value)) for name, value in options.items()}


def _packed(message: Any) -> bytes:
    return msgspec.msgpack.encode(Header(message))


def _submit(good: dict[str, Any], **changes: object) -> Frames:
    return [PREAMBLE, msgspec.msgpack.encode([{**good, **changes}, [], 0])]


def _chunk(spec: BufferSpec, data: bytes = b"") -> Frames:
    header = Header(UploadChunk(session="none", job_id=JOB, offset=0), (spec,))
    return [PREAMBLE, msgspec.msgpack.encode(header), data]


def _edited(array: Buffer, place: tuple[int, ...], value: float) -> Buffer:
    changed = array.copy()
    changed[place] = value
    return changed


def _reheaded(payload: bytes, buffers: Mapping[str, BufferSpec] | None = None, **changes: object) -> bytes:
    """The payload with another header; what its arrays are said to be has not to be true."""
    header = SHOT.decode(payload, LIMITS)[0]
    header = msgspec.structs.replace(header, buffers={**header.buffers, **(buffers or {})}, **changes)
    return _joined(payload, msgspec.msgpack.encode(header))


def _raw_header(payload: bytes, **changes: object) -> bytes:
    """The same with fields of any type."""
    header = msgspec.to_builtins(SHOT.decode(payload, LIMITS)[0])
    return _joined(payload, msgspec.msgpack.encode({**header, **changes}))


def _joined(payload: bytes, header: bytes) -> bytes:
    return SHOT.magic + struct.pack("<I", len(header)) + header + payload[12:]


def _with_arrays(payload: bytes, **changed: Buffer) -> bytes:
    header, arrays = SHOT.decode(payload, LIMITS)
    arrays = {**arrays, **changed}
    return SHOT.encode(msgspec.structs.replace(header, buffers=SHOT.specs(arrays)), arrays)


def _huge_depth_request(photo: Mapping[str, BufferSpec]) -> bytes:
    payload = encode_depth_request(DepthRequest(np.ones((4, 4, 3), np.uint8), ShotSettings(engine="draft")))
    header = msgspec.structs.replace(DEPTH_REQUEST.decode(payload, LIMITS)[0], buffers=dict(photo))
    encoded = msgspec.msgpack.encode(header)
    return DEPTH_REQUEST.magic + struct.pack("<I", len(encoded)) + encoded


def _huge_png() -> bytes:
    """Black, a bit a pixel, 112 MB when unpacked."""
    packer = zlib.compressobj(1)
    rows = bytes(1 + HUGE // 8)
    data = b"".join(packer.compress(rows * 1000) for _ in range(HUGE // 1000)) + packer.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", HUGE, HUGE, 1, 0, 0, 0, 0)), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
