"""Requests for a camera check and their answers as bytes: exact both ways, and refused when damaged."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError, RealCamError, ShotError, WireError
from blender_addon.core.payloads.check_request import (
    CHECK_REQUEST,
    CHECKER,
    CheckRequest,
    CheckResult,
    decode_check_request,
    decode_check_result,
    encode_check_request,
    encode_check_result,
)
from blender_addon.core.payloads.payload import decode_payload, encode_payload
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.protocol.messages import Limits

FRAMES, WIDTH, HEIGHT = 4, 16, 10


def request() -> CheckRequest:
    random = np.random.default_rng(3)
    poses = np.repeat(np.eye(4)[None], FRAMES, axis=0)
    poses[:, 0, 3] = np.linspace(0, 0.3, FRAMES)
    depth = random.uniform(1, 4, (5, 8)).astype(np.float32)
    depth[0] = np.nan
    return CheckRequest(
        frames=random.integers(0, 255, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8),
        trajectory=Trajectory(poses, intrinsics_matrix(14.0, 14.0, 8.0, 5.0), WIDTH, HEIGHT, 12.0),
        depth=depth,
        depth_intrinsics=intrinsics_matrix(7.0, 7.0, 4.0, 2.5),
        settings=ShotSettings(engine=CHECKER),
    )


PAYLOAD = encode_check_request(request())


def test_a_request_comes_back_as_it_was() -> None:
    back = decode_payload(encode_payload(request()), Limits())
    assert isinstance(back, CheckRequest)
    for name in ("frames", "depth", "depth_intrinsics"):
        np.testing.assert_array_equal(getattr(back, name), getattr(request(), name))
    np.testing.assert_array_equal(back.trajectory.camera_to_world, request().trajectory.camera_to_world)
    assert (back.trajectory.fps, back.settings.engine) == (12.0, CHECKER)
    assert not back.frames.flags.owndata, "a view on the payload"


@given(st.data())
def test_damaged_requests_are_refused_in_words_or_are_other_requests(data: st.DataObject) -> None:
    payload = bytearray(PAYLOAD[: data.draw(st.sampled_from([len(PAYLOAD), len(PAYLOAD) - 1, 300, 11]))])
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, min(len(payload), 1500) - 1))] = data.draw(st.integers(0, 255))
    # Anything but a request or a sentence would come through.
    with suppress(RealCamError):
        back = decode_check_request(bytes(payload), Limits())
        assert back.frames.shape == (len(back.trajectory), back.trajectory.height, back.trajectory.width, 3)


def test_limits_are_kept_before_memory_is_taken() -> None:
    for limits, words in (
        (Limits(frames=3), "too many frames"),
        (Limits(side=15), "clip is too large"),
        (Limits(photo_pixels=39), "depth is too large"),
        (Limits(payload_bytes=500), "is too large"),
    ):
        with pytest.raises(WireError, match=words):
            decode_check_request(PAYLOAD, limits)


def test_parts_that_do_not_fit_are_refused() -> None:
    asked = request()
    with pytest.raises(ShotError, match="does not fit its camera"):
        replace(asked, frames=asked.frames[:3])
    with pytest.raises(ShotError, match="not a float32 map"):
        replace(asked, depth=asked.depth.astype(np.float64))
    infinite = asked.depth.copy()
    infinite[2, 2] = np.inf
    with pytest.raises(ShotError, match="infinite"):
        decode_check_request(encode_check_request(replace(asked, depth=infinite)), Limits())
    place = PAYLOAD.index(asked.trajectory.camera_to_world.tobytes())
    with pytest.raises(CameraError, match="camera_to_world"):
        decode_check_request(PAYLOAD[:place] + np.array([np.nan]).tobytes() + PAYLOAD[place + 8 :], Limits())
    header = CHECK_REQUEST.decode(PAYLOAD, Limits())[0]
    assert header.buffers["frames"].shape == (FRAMES, HEIGHT, WIDTH, 3)


def result(**changes: object) -> CheckResult:
    pose = tuple(map(tuple, np.eye(4).tolist()))
    whole = CheckResult(
        frames=4,
        placed=(0, 1, 3),
        achieved=(pose, pose, pose),
        degrees=(0.0, 0.2, 0.4),
        metres=(0.0, 0.01, 0.03),
        metric=True,
        scale=1.31,
        findings=("The camera goes 1.31 times as far as asked.",),
    )
    return msgspec.structs.replace(whole, **changes)


def test_a_result_comes_back_as_it_was() -> None:
    back = decode_check_result(encode_check_result(result()))
    assert back == result()
    assert back.poses.shape == (3, 4, 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"placed": (0, 1)},
        {"placed": (0, 1, 4)},
        {"placed": (1, 0, 3)},
        {"placed": (), "achieved": (), "degrees": (), "metres": ()},
        {"degrees": (0.0,)},
        {"achieved": (((1.0,),),) * 3},
        {"achieved": (((2.0, 0.0, 0.0, 0.0),) * 4,) * 3},
    ],
)
def test_an_answer_that_makes_no_sense_is_said_to(changes: dict[str, object]) -> None:
    with pytest.raises(CameraError):
        decode_check_result(encode_check_result(result(**changes)))


def test_a_damaged_answer_is_said_to_be() -> None:
    for data in (b"", b"{}", encode_check_result(result())[:-5]):
        with pytest.raises(CameraError, match="cannot be read"):
            decode_check_result(data)
