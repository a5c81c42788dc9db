"""A shot as a file."""

from __future__ import annotations

import struct
import tracemalloc
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import CameraError, RealCamError, ShotError, WireError
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.payloads.shot_file import SHOT, ShotHeader, decode_shot, encode_shot
from blender_addon.core.protocol.framing import BufferSpec
from blender_addon.core.protocol.messages import Limits
from server.demo.motorcycle import Motorcycle, motorcycle
from tests.support.properties import examples
from tests.support.shots import small_shot

LIMITS = Limits()
PAYLOAD = encode_shot(small_shot(motorcycle()))


def test_a_shot_comes_back_whole(bike: Motorcycle) -> None:
    shot = small_shot(bike, seed=7)
    back = decode_shot(encode_shot(shot), LIMITS)
    np.testing.assert_array_equal(back.preview, shot.preview)
    np.testing.assert_array_equal(back.photo, shot.photo)
    np.testing.assert_array_equal(back.depth, shot.depth)
    np.testing.assert_array_equal(back.trajectory.camera_to_world, shot.trajectory.camera_to_world)
    np.testing.assert_array_equal(back.trajectory.intrinsics, shot.trajectory.intrinsics)
    np.testing.assert_array_equal(back.photo_intrinsics, shot.photo_intrinsics)
    assert (back.settings, back.depth_edge, back.trajectory.fps) == (shot.settings, shot.depth_edge, 24.0)


def test_a_last_image_comes_with_the_shot_or_not_at_all(bike: Motorcycle) -> None:
    shot = small_shot(bike)
    assert decode_shot(PAYLOAD, LIMITS).last_image is None
    picture = np.ascontiguousarray(bike.photo[::7, ::9])
    back = decode_shot(encode_shot(replace(shot, last_image=picture)), LIMITS)
    assert back.last_image is not None
    np.testing.assert_array_equal(back.last_image, picture)
    np.testing.assert_array_equal(back.preview, shot.preview)
    with pytest.raises(ShotError, match="last image is not an RGB picture"):
        replace(shot, last_image=picture[..., 0])


def test_a_shot_whose_parts_do_not_fit_is_refused(bike: Motorcycle) -> None:
    shot = small_shot(bike)
    with pytest.raises(ShotError, match=r"preview does not fit the trajectory: expected .* uint8, got"):
        replace(shot, preview=shot.preview[1:])
    with pytest.raises(ShotError, match="not a float32 map"):
        replace(shot, depth=shot.depth.astype(np.float64))


def test_a_decoded_shot_is_a_view() -> None:
    assert not decode_shot(PAYLOAD, LIMITS).preview.flags.owndata


@examples(500)
@given(st.data())
def test_a_damaged_shot_raises_only_errors_in_words(data: st.DataObject) -> None:
    payload = bytearray(PAYLOAD[: data.draw(st.sampled_from([len(PAYLOAD), len(PAYLOAD) - 1, 700, 40, 11]))])
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, min(len(payload), 1400) - 1))
        payload[place] = data.draw(st.integers(0, 255))
    try:
        shot = decode_shot(bytes(payload), LIMITS)
    except RealCamError:
        return
    assert shot.preview.shape == (len(shot.trajectory), shot.trajectory.height, shot.trajectory.width, 4)


@examples(300)
@given(st.binary(max_size=300))
def test_random_bytes_are_no_shot(data: bytes) -> None:
    for payload in (data, SHOT.magic + data, SHOT.magic + struct.pack("<I", len(data)) + data):
        with pytest.raises(WireError):
            decode_shot(payload, LIMITS)


def _changed(name: str, value: float) -> bytes:
    """The payload with the first number of a buffer replaced."""
    shot = decode_shot(PAYLOAD, LIMITS)
    array = {"camera_to_world": shot.trajectory.camera_to_world, "intrinsics": shot.trajectory.intrinsics}[name]
    place = PAYLOAD.index(array.tobytes())
    return PAYLOAD[:place] + struct.pack("<d", value) + PAYLOAD[place + 8 :]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1.0])
@pytest.mark.parametrize("name", ["camera_to_world", "intrinsics"])
def test_numbers_that_are_no_camera_are_refused(name: str, value: float) -> None:
    with pytest.raises(CameraError):
        decode_shot(_changed(name, value), LIMITS)


def _with_header(**changes: object) -> bytes:
    header = msgspec.structs.replace(SHOT.decode(PAYLOAD, LIMITS)[0], **changes)
    encoded = msgspec.msgpack.encode(header)
    return SHOT.magic + struct.pack("<I", len(encoded)) + encoded


def _buffers(**changes: BufferSpec) -> dict[str, BufferSpec]:
    return {**SHOT.decode(PAYLOAD, LIMITS)[0].buffers, **changes}


@pytest.mark.parametrize("name", ["photo", "last_image"])
def test_huge_sizes_are_refused_before_memory_is_taken(name: str) -> None:
    side = 30_000
    huge = _with_header(buffers=_buffers(**{name: BufferSpec("uint8", (side, side, 3), side * side * 3)}))
    tracemalloc.start()
    with pytest.raises(WireError, match=f"{name.replace('_', ' ')} is too large"):
        decode_shot(huge, LIMITS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 4096}, "too large"),
        ({"fps": float("nan")}, "frame rate makes no sense"),
        ({"fps": 1e-300}, "frame rate makes no sense"),
        ({"fps": 1e300}, "frame rate makes no sense"),
        ({"depth_edge": float("inf")}, "make no sense"),
        ({"depth_edge": 0.0}, "make no sense"),
        ({"buffers": {}}, "wrong parts"),
        ({"height": 41}, "does not fit"),
        ({"settings": ShotSettings(engine="x", negative_prompt="x" * 8_001)}, "prompt is too long: 8001"),
    ],
)
def test_limits_of_the_header(changes: dict[str, object], words: str) -> None:
    if changes == {"buffers": {}}:
        header = msgspec.structs.asdict(SHOT.decode(PAYLOAD, LIMITS)[0]) | changes
        encoded = msgspec.msgpack.encode(ShotHeader(**header))
        payload = SHOT.magic + struct.pack("<I", len(encoded)) + encoded
    else:
        payload = _with_header(**changes)
    with pytest.raises(WireError, match=words):
        decode_shot(payload, LIMITS)


def test_too_many_frames_are_refused(bike: Motorcycle) -> None:
    payload = encode_shot(small_shot(bike, frames=9))
    with pytest.raises(WireError, match="too many frames"):
        decode_shot(payload, Limits(frames=8))


def test_a_shot_over_the_limit_is_refused() -> None:
    with pytest.raises(WireError, match="too large"):
        decode_shot(PAYLOAD, Limits(payload_bytes=len(PAYLOAD) - 1))
