"""What is asked of an engine (Shot), what it can do (EngineCapability) and what comes back (Clip)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from .errors import ShotError
from .trajectory import Float64, Trajectory, check_intrinsics

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

SettingValue = bool | int | float | str

DEPTH_MODE, CHECK_MODE = "depth", "check"
"""Modes of engines that make no clips: they estimate a photo's depth, or check a clip's camera."""

INTERPOLATION_MODE: Final = "interpolation"
"""The mode of engines that end a clip at the shot's last image."""


class ShotSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the artist typed. `options` holds what only this engine understands, named by its capability."""

    engine: str
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 0
    options: dict[str, SettingValue] = {}


class EngineOption(msgspec.Struct, frozen=True, kw_only=True):
    """One knob of an engine, with what the panel needs to draw it."""

    name: str
    label: str
    description: str
    kind: Literal["bool", "int", "float", "choice"]
    default: SettingValue
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


class EngineCapability(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine can do here and now; `unavailable` says why it cannot run ("" when it can)."""

    name: str
    label: str
    description: str
    sizes: tuple[tuple[int, int], ...]
    """(width, height) it can make; the first is the default."""
    frame_counts: tuple[int, ...]
    """Frame counts it can make; the first is the default."""
    modes: tuple[str, ...] = ("basic",)
    draft: bool = False
    reads_prompt: bool = True
    needs_gpu: bool = False
    needs_weights: bool = False
    licence: str = ""
    unavailable: str = ""
    checkpoint_share: float = 0.0
    """Bytes of the largest checkpoint that it keeps of a shot, as a share of the shot file's: for the disk's sake."""
    options: tuple[EngineOption, ...] = ()


@dataclass(frozen=True, eq=False)
class Shot:
    """Everything an engine needs, checked.

    trajectory: the camera of every frame in the clip's own pixels, relative to the photo's camera.
    preview: [F, H, W, 4] uint8 sRGB, straight alpha; alpha is visibility from that frame's camera.
    photo: [h, w, 3] uint8 sRGB. photo_intrinsics: [3, 3] in the photo's pixels.
    depth: [hd, wd] float32 metres along z seen by the reference camera, NaN where unknown; any resolution.
    depth_edge: relative depth jump above which two neighbours are different surfaces.
    last_image: [h, w, 3] uint8 sRGB what the last frame shall show, of any size; for engines that interpolate.

    Raises ShotError when the parts do not fit each other.
    """

    trajectory: Trajectory
    preview: UInt8
    photo: UInt8
    photo_intrinsics: Float64
    depth: Float32
    settings: ShotSettings
    depth_edge: float = 0.05
    last_image: UInt8 | None = None

    def __post_init__(self) -> None:
        t = self.trajectory
        wanted = (len(t), t.height, t.width, 4)
        if self.preview.shape != wanted or self.preview.dtype != np.uint8:
            raise ShotError(
                "The preview does not fit the trajectory",
                f"expected {list(wanted)} uint8, got {list(self.preview.shape)} {self.preview.dtype}",
            )
        _check_picture("photo", self.photo)
        if self.last_image is not None:
            _check_picture("last image", self.last_image)
        if self.depth.ndim != 2 or self.depth.dtype != np.float32:
            raise ShotError("The depth is not a float32 map", f"{list(self.depth.shape)} {self.depth.dtype}")
        check_intrinsics(np.asarray(self.photo_intrinsics, dtype=np.float64)[None])

    @property
    def photo_size(self) -> tuple[int, int]:
        """(width, height) of the photo, pixels."""
        return self.photo.shape[1], self.photo.shape[0]


def _check_picture(name: str, picture: UInt8) -> None:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise ShotError(f"The {name} is not an RGB picture", f"{list(picture.shape)} {picture.dtype}")


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
