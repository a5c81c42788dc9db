"""What comes back of a shot: frames, and what made them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec
import numpy as np

from ..arrays import UInt8
from .shot import ShotSettings


def pixels_sha256(picture: UInt8) -> str:
    """SHA-256, in hex, of a picture's values row by row: the same whatever kind of file it was stored in."""
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()


class ClipMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What made a clip: enough to make it again. Stored beside the frames and inside the mp4.

    last_image_sha256: pixels_sha256 of the shot's last image, "" without one.
    """

    engine: str
    engine_version: str
    settings: ShotSettings
    width: int
    height: int
    fps: float
    camera_to_world: list[list[list[float]]]
    intrinsics: list[list[list[float]]]
    weights_hash: str = ""
    last_image_sha256: str = ""
    seconds: float = 0.0
    draft: bool = False


class ClipSidecar(msgspec.Struct, frozen=True, kw_only=True):
    """What metadata.json beside the frames holds, and the comment inside clip.mp4."""

    metadata: ClipMetadata
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Clip:
    """frames: [F, H, W, 3] uint8 sRGB, with what made them."""

    frames: UInt8
    metadata: ClipMetadata
    notes: tuple[str, ...] = field(default=())
