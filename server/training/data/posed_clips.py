"""What training needs of a data set: clips with cameras, their scale, and words; readers of data sets give them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.camera.trajectory import LARGEST_NUMBER, check_intrinsics


class TrainingClip(Protocol):
    """One clip of N frames; what it tells of itself is cheap, `read` decodes.

    Whatever of it has to be read from a file raises RealCamError where that cannot be read or used.
    """

    @property
    def name(self) -> str:
        """The clip's name in its data set, unique there."""
        ...

    @property
    def caption(self) -> str:
        """What is to be seen, in words; may be empty."""
        ...

    @property
    def fps(self) -> float:
        """Frames per second of its file."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the first frame, pixels."""
        ...

    @property
    def camera_to_world(self) -> Float64:
        """[N, 4, 4], OpenCV axes, in the clip's own world and unit."""
        ...

    @property
    def intrinsics(self) -> Float64:
        """[N, 3, 3] in pixels of `size`."""
        ...

    @property
    def scales(self) -> Float64 | None:
        """[N] metres per unit of length as each frame's depth says, all alike for one scale a clip; None if unknown."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of the names, sizes and times of the files that hold the frames."""
        ...

    @property
    def frame_count(self) -> int:
        """Frames of the clip's file or folder, which may be more than its poses."""
        ...

    def read(self, indices: Sequence[int]) -> UInt8:
        """These frames, [F, H, W, 3] uint8 sRGB."""
        ...

    def depth_of(self, index: int) -> Float32 | None:
        """A frame's depth along z, [H, W] in the unit of the poses, NaN where unknown; None where there is none."""
        ...


class PosedClips(Protocol):
    """A data set."""

    def __len__(self) -> int:
        """Number of clips."""
        ...

    def __getitem__(self, index: int) -> TrainingClip:
        """The clip at an index, in an order that does not change."""
        ...


def clip_key(clip: TrainingClip) -> str:
    """Digest of a clip's name and of the names, sizes and times of its files: 32 hexadecimal digits."""
    return hashlib.sha256(f"{clip.name}|{clip.fingerprint}".encode()).hexdigest()[:32]


def refusal(clip: TrainingClip, frames: int) -> str:
    """Why a clip cannot be trained on, in words that are alike for all clips of one kind; "" when it can.

    Args:
        clip: of a data set.
        frames: of a sample.

    Raises:
        RealCamError: a file of it cannot be read or used.
    """
    reason = _of_cameras(clip, frames) or _of_scales(clip)
    if not reason:
        # Read so that what is wrong with the first frame and the words is known before the first step.
        _ = clip.size, clip.caption
    return reason


def _of_cameras(clip: TrainingClip, frames: int) -> str:
    poses, intrinsics = clip.camera_to_world, clip.intrinsics
    if len(poses) < frames:
        return f"fewer than {frames} poses"
    if clip.frame_count < len(poses):
        return "fewer frames than poses"
    if len(intrinsics) != len(poses):
        return "intrinsics for another number of poses"
    if not np.isfinite(poses).all() or not np.isfinite(intrinsics).all():
        return "a pose or an intrinsic that is no number"
    if np.abs(poses).max() > LARGEST_NUMBER:
        return "a camera too far away to compute with"
    rotations = poses[:, :3, :3]
    if np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max() > 1e-2:
        return "rotations that are none"
    if (np.linalg.det(rotations) < 0).any():
        return "mirrored poses: left-handed axes are suspected"
    check_intrinsics(intrinsics)
    return ""


def _of_scales(clip: TrainingClip) -> str:
    scales = clip.scales
    if scales is None:
        return "no scale"
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        return "a scale that is not above zero"
    return "" if len(scales) == len(clip.camera_to_world) else "scales for another number of poses"
