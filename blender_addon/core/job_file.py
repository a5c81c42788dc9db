"""What a job is made of: a shot, or a photo whose depth is asked. The blob's first bytes say which."""

from __future__ import annotations

from . import depth_request
from .depth_request import DepthRequest, decode_depth_request, encode_depth_request
from .messages import Limits
from .shot import Shot
from .shot_file import decode_shot, encode_shot

Order = Shot | DepthRequest


def encode_order(order: Order) -> bytes:
    """The blob that a client uploads. Its sha256 is the digest the job is submitted under."""
    return encode_depth_request(order) if isinstance(order, DepthRequest) else encode_shot(order)


def decode_order(data: bytes | memoryview, limits: Limits) -> Order:
    """The shot or request in a blob; arrays are views on `data`. Raises WireError, ShotError, PhotoError or
    CameraError."""
    if bytes(memoryview(data)[: len(depth_request.MAGIC)]) == depth_request.MAGIC:
        return decode_depth_request(data, limits)
    return decode_shot(data, limits)
