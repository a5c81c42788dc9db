"""Requests for depth and their answers as bytes: exact both ways, and refused when damaged."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.errors import PhotoError, RealCamError, WireError
from blender_addon.core.payloads.depth_request import (
    DepthRequest,
    DepthResult,
    decode_depth_request,
    decode_depth_result,
    encode_depth_request,
    encode_depth_result,
)
from blender_addon.core.payloads.payload import decode_payload, encode_payload
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.protocol.messages import Limits

PHOTO = np.random.default_rng(5).integers(0, 255, (7, 11, 3), dtype=np.uint8)
REQUEST = DepthRequest(PHOTO, ShotSettings(engine="depth-pro"), None, 26.0)
PAYLOAD = encode_depth_request(REQUEST)


def test_a_request_comes_back_as_it_was() -> None:
    back = decode_payload(encode_payload(REQUEST), Limits())
    assert isinstance(back, DepthRequest)
    np.testing.assert_array_equal(back.photo, PHOTO)
    assert (back.settings, back.typed_mm, back.exif_mm) == (REQUEST.settings, None, 26.0)


@given(st.integers(0, len(PAYLOAD) - 1), st.integers(0, 255), st.booleans())
def test_damaged_requests_are_refused_in_words_or_are_other_requests(at: int, value: int, cut: bool) -> None:
    damaged = bytearray(PAYLOAD[:at] if cut else PAYLOAD)
    if not cut:
        damaged[at] = value
    # Anything but a request or a sentence would come through.
    with suppress(RealCamError):
        assert decode_depth_request(bytes(damaged), Limits()).photo.ndim == 3


def test_limits_are_kept_before_memory_is_taken() -> None:
    with pytest.raises(WireError, match="photo is too large"):
        decode_depth_request(PAYLOAD, Limits(photo_pixels=76))
    with pytest.raises(WireError, match="header is too large"):
        decode_depth_request(PAYLOAD, Limits(header_bytes=16))
    with pytest.raises(WireError, match="not as long as it says"):
        decode_depth_request(PAYLOAD + b"x", Limits())


@pytest.mark.parametrize("mm", [0.0, -1.0, float("nan"), float("inf")])
def test_a_focal_length_must_be_positive(mm: float) -> None:
    with pytest.raises(PhotoError, match="no photo's focal length"):
        DepthRequest(PHOTO, ShotSettings(engine="x"), mm)


def result() -> DepthResult:
    depth = np.full((4, 6), np.nan, np.float32)
    depth[1:] = 2.5
    touched = np.zeros((4, 6), np.uint8)
    lens = intrinsics_matrix(9.0, 9.0, 3.0, 2.0)
    return DepthResult(depth, depth + 1, touched, lens, "26 mm, the photo's EXIF", "Depth Pro", "Apple")


def test_a_result_comes_back_as_it_was() -> None:
    back = decode_depth_result(encode_depth_result(result()))
    for name in ("depth", "before", "cleaning_flags", "intrinsics"):
        np.testing.assert_array_equal(getattr(back, name), getattr(result(), name))
    assert (back.focal_source, back.predictor, back.licence) == ("26 mm, the photo's EXIF", "Depth Pro", "Apple")


def test_a_damaged_result_is_said() -> None:
    data = encode_depth_result(result())
    for damaged in (data[:40], b"", data.replace(b"touched", b"t0uched")):
        with pytest.raises(PhotoError, match="cannot be read"):
            decode_depth_result(damaged)


def test_parts_of_another_form_are_refused() -> None:
    for photo in (PHOTO[..., 0], PHOTO.astype(np.float32), PHOTO[:0]):
        with pytest.raises(PhotoError, match="The photo is not an RGB picture"):
            DepthRequest(photo, REQUEST.settings)
    for changes in (
        {"depth": result().depth.astype(np.float64)},
        {"before": result().before[:2]},
        {"cleaning_flags": result().cleaning_flags.astype(np.int32)},
    ):
        with pytest.raises(PhotoError, match="The server's depth has the wrong form"):
            decode_depth_result(encode_depth_result(replace(result(), **changes)))
