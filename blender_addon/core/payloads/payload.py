"""The payload of any job: a shot, a photo whose depth is asked for, or a clip whose camera is checked.

The first bytes say which.
"""

from __future__ import annotations

from ..protocol.messages import Limits
from .check_request import CHECK_REQUEST, CheckRequest, decode_check_request, encode_check_request
from .depth_request import DEPTH_REQUEST, DepthRequest, decode_depth_request, encode_depth_request
from .shot import Shot
from .shot_file import decode_shot, encode_shot

JobPayload = Shot | DepthRequest | CheckRequest
"""What a job asks an engine for."""


def encode_payload(payload: JobPayload) -> bytes:
    """The bytes that a client uploads. Their SHA-256 is the digest that the job is submitted with."""
    match payload:
        case DepthRequest():
            return encode_depth_request(payload)
        case CheckRequest():
            return encode_check_request(payload)
        case Shot():
            return encode_shot(payload)


def decode_payload(data: bytes | memoryview, limits: Limits) -> JobPayload:
    """The shot or request in these bytes; its arrays are views on `data`.

    Raises:
        WireError: the bytes are no payload within the limits.
        ShotError: the parts of a shot or check do not fit each other.
        PhotoError: a photo or focal length cannot be used.
        CameraError: a camera is none.
    """
    if DEPTH_REQUEST.has_format_of(data):
        return decode_depth_request(data, limits)
    if CHECK_REQUEST.has_format_of(data):
        return decode_check_request(data, limits)
    return decode_shot(data, limits)
