"""What a job is made of: a shot, a photo whose depth is asked, or a clip whose camera is to be checked.

Its first bytes say which.
"""

from __future__ import annotations

from ..protocol.messages import Limits
from .check_request import CHECK_REQUEST, CheckRequest, decode_check_request, encode_check_request
from .depth_request import DEPTH_REQUEST, DepthRequest, decode_depth_request, encode_depth_request
from .shot import Shot
from .shot_file import decode_shot, encode_shot

JobPayload = Shot | DepthRequest | CheckRequest


def encode_payload(payload: JobPayload) -> bytes:
    """The bytes that a client uploads. Their sha256 is the digest the job is submitted under."""
    match payload:
        case DepthRequest():
            return encode_depth_request(payload)
        case CheckRequest():
            return encode_check_request(payload)
        case Shot():
            return encode_shot(payload)


def decode_payload(data: bytes | memoryview, limits: Limits) -> JobPayload:
    """The shot or request in these bytes; arrays are views on `data`. Raises WireError, ShotError, PhotoError or
    CameraError."""
    if DEPTH_REQUEST.has_format_of(data):
        return decode_depth_request(data, limits)
    if CHECK_REQUEST.has_format_of(data):
        return decode_check_request(data, limits)
    return decode_shot(data, limits)
