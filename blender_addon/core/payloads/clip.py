"""A clip: the frames that an engine made of a shot, and the metadata of what made them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec
import numpy as np

from ..arrays import UInt8
from ..camera.trajectory import Trajectory
from .background import BackgroundLayer
from .seen_drift import SeenDrift
from .shot import Shot, ShotSettings


def pixels_sha256(picture: UInt8) -> str:
    """SHA-256, hexadecimal, of a picture's values row by row: the same for every file format it was stored in."""
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()


class ClipMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What made a clip: enough to reproduce it. Stored beside the frames and inside the mp4.

    Attributes:
        engine: the engine's name.
        engine_version: its code, and what else of the machine tells one result from another.
        settings: the shot's.
        width: of the clip in pixels.
        height: of the clip in pixels.
        fps: frames a second.
        camera_to_world: [F, 4, 4], OpenCV axes, metres.
        intrinsics: [F, 3, 3] in the clip's pixels.
        weights_hash: of the network's weights, "" without a network.
        last_image_sha256: pixels_sha256 of the shot's last image, "" without one.
        seconds: how long the clip took to make.
        draft: whether this is no final picture.
        seen_drift: how far the engine's picture was from the photo before that was laid back over it. Unset where it
            was not, or the camera never sees the photo.
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
    seen_drift: SeenDrift | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(
        cls,
        shot: Shot,
        *,
        engine: str,
        engine_version: str,
        weights_hash: str = "",
        seconds: float = 0.0,
        draft: bool = False,
        seen_drift: SeenDrift | None = None,
    ) -> ClipMetadata:
        """The metadata of the clip of `shot`.

        Args:
            shot: settings, camera and last image are taken from it.
            engine: the engine's name.
            engine_version: its code, and what else of the machine tells one result from another.
            weights_hash: of the network's weights, "" without a network.
            seconds: how long the clip took to make.
            draft: whether this is no final picture.
            seen_drift: how far the engine's picture was from the photo that was laid back over it; None for no such.
        """
        camera = shot.trajectory
        return cls(
            engine=engine,
            engine_version=engine_version,
            settings=shot.settings,
            width=camera.width,
            height=camera.height,
            fps=camera.fps,
            camera_to_world=camera.camera_to_world.tolist(),
            intrinsics=camera.intrinsics.tolist(),
            weights_hash=weights_hash,
            last_image_sha256="" if shot.last_image is None else pixels_sha256(shot.last_image),
            seconds=seconds,
            draft=draft,
            seen_drift=msgspec.UNSET if seen_drift is None else seen_drift,
        )

    def trajectory(self) -> Trajectory:
        """The camera that the clip was asked to follow, in the clip's pixels and in metres of the shot's scene.

        Raises:
            CameraError: the numbers, read from a file, are no camera.
        """
        poses, intrinsics = np.array(self.camera_to_world), np.array(self.intrinsics)
        return Trajectory(poses, intrinsics, self.width, self.height, self.fps)


class ClipSidecar(msgspec.Struct, frozen=True, kw_only=True):
    """The content of metadata.json beside the frames, and of the comment inside clip.mp4.

    Attributes:
        metadata: what made the clip.
        notes: sentences for the user.
    """

    metadata: ClipMetadata
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Clip:
    """A finished clip.

    Attributes:
        frames: [F, H, W, 3] uint8 sRGB.
        metadata: what made them.
        notes: sentences for the user.
        background: what the engine added to the scene, where that was asked for and the engine has it.
    """

    frames: UInt8
    metadata: ClipMetadata
    notes: tuple[str, ...] = field(default=())
    background: tuple[BackgroundLayer, ...] = ()
