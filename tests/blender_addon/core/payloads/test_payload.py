"""Whatever a client uploads as a job is a payload or refused in words: arrays of every form, of the length they say."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import RealCamError, WireError
from blender_addon.core.payloads.check_request import CHECK_REQUEST, CHECKER, CheckRequest
from blender_addon.core.payloads.depth_request import DEPTH_REQUEST, DepthRequest
from blender_addon.core.payloads.payload import JobPayload, decode_payload, encode_payload
from blender_addon.core.payloads.payload_format import PayloadFormat, PayloadHeader
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.payloads.shot_file import SHOT
from blender_addon.core.protocol.framing import Buffer, BufferSpec
from blender_addon.core.protocol.messages import Limits
from server.demo.motorcycle import motorcycle
from tests.support.shots import small_shot

LIMITS = Limits()
FRAMES, WIDTH, HEIGHT = 3, 8, 6
CAMERA = intrinsics_matrix(7.0, 7.0, 4.0, 3.0)


def orders() -> list[tuple[PayloadFormat[Any], JobPayload]]:
    trajectory = Trajectory(np.repeat(np.eye(4)[None], FRAMES, axis=0), CAMERA, WIDTH, HEIGHT)
    frames = np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    depth = np.ones((HEIGHT, WIDTH), np.float32)
    return [
        (SHOT, small_shot(motorcycle(), frames=FRAMES)),
        (CHECK_REQUEST, CheckRequest(frames, trajectory, depth, CAMERA, ShotSettings(engine=CHECKER))),
        (DEPTH_REQUEST, DepthRequest(frames[0], ShotSettings(engine="unidepth"), exif_mm=35.0)),
    ]


def changed(kind: PayloadFormat[Any], order: JobPayload, arrays: dict[str, Buffer], **fields: object) -> bytes:
    """The bytes of a payload with other arrays, announced as they are, and other fields in its header."""
    payload = encode_payload(order)
    header: PayloadHeader = kind.decode(payload, LIMITS)[0]
    specs = {**header.buffers, **{name: BufferSpec.of(array) for name, array in arrays.items()}}
    _, original = kind.decode(payload, LIMITS)
    return kind.encode(msgspec.structs.replace(header, buffers=specs, **fields), {**original, **arrays})


SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)
DTYPES = st.sampled_from(["uint8", "uint16", "float32", "float64"])
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e300, 1e-300])


@pytest.mark.parametrize(("kind", "order"), orders(), ids=["shot", "check", "depth"])
@given(data=st.data())
def test_arrays_of_every_form_are_a_payload_or_refused_in_words(
    kind: PayloadFormat[Any], order: JobPayload, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(kind.buffers)), min_size=1, max_size=2, unique=True))
    arrays = {}
    for name in names:
        dtype, axes = kind.buffers[name]
        fitting = st.tuples(*(st.integers(0, 5) if n is None else st.just(n) for n in axes))
        shape = data.draw(st.one_of(SHAPES, fitting))
        with np.errstate(all="ignore"):
            arrays[name] = np.full(shape, data.draw(NUMBERS)).astype(data.draw(st.one_of(st.just(dtype), DTYPES)))
    # Anything but a payload or a sentence would come through.
    with suppress(RealCamError):
        decode_payload(changed(kind, order, arrays), LIMITS)


@pytest.mark.parametrize("shape", [(2, 5), (4, 4), (0, 0), (3,), ()])
@pytest.mark.parametrize(("kind", "order"), orders()[:2], ids=["shot", "check"])
def test_a_camera_matrix_of_another_shape_is_refused(
    kind: PayloadFormat[Any], order: JobPayload, shape: tuple[int, ...]
) -> None:
    name = "photo_intrinsics" if isinstance(order, Shot) else "depth_intrinsics"
    with pytest.raises(WireError, match=f"{name} has the wrong form"):
        decode_payload(changed(kind, order, {name: np.ones(shape)}), LIMITS)


@pytest.mark.parametrize(("kind", "order"), orders()[:2], ids=["shot", "check"])
def test_cameras_beyond_the_frames_are_refused_before_one_is_looked_at(
    kind: PayloadFormat[Any], order: JobPayload
) -> None:
    with pytest.raises(WireError, match=f"intrinsics has the wrong form: 200 for {FRAMES} frames"):
        decode_payload(changed(kind, order, {"intrinsics": np.full((200, 3, 3), np.nan)}), LIMITS)
