"""A clip's frames and cameras as one training sample."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.arrays import Float64

from .camera_paths import CameraPaths
from .crop import covering_crop, cropped_intrinsics, cropped_video
from .frame_choice import FrameChoice, choose_frames
from .posed_clips import TrainingClip, clip_key

TRAINING_STRIDES = (1, 10)
"""Strides of the published training, both included."""
VALIDATION_STRIDE = 8
"""The published validation's."""


@dataclass(frozen=True, eq=False)
class Sample:
    """T frames of one clip.

    Attributes:
        clip: its name.
        video: [3, T, H, W] float32 in [-1, 1].
        paths: the cameras, a batch of one.
        caption: in words.
        choice: which frames.
        fps: frames per second of the sample.
        key: of the clip as it is on the disk, see `clip_key`.
        points: [T, h, w, 2], see `seen_points`; None where nobody asked for them.
    """

    clip: str
    video: Tensor
    paths: CameraPaths
    caption: str
    choice: FrameChoice
    fps: float
    key: str
    points: Tensor | None = None


def clip_sample(
    clip: TrainingClip,
    size: tuple[int, int],
    stride: tuple[int, int] | int,
    draw: random.Random,
    frames: int = 16,
    published: bool = False,
) -> Sample:
    """Random frames of a clip, cropped, with their cameras.

    Args:
        clip: that `refusal` has nothing against.
        size: (width, height) that the network takes, pixels.
        stride: see `choose_frames`.
        draw: gives stride and start.
        frames: T.
        published: see `cropped_intrinsics`.

    Raises:
        ClipTooShort: the clip has fewer frames than the sample.
    """
    return chosen_sample(clip, size, choose_frames(len(clip.camera_to_world), stride, draw, frames), published)


def chosen_sample(clip: TrainingClip, size: tuple[int, int], choice: FrameChoice, published: bool = False) -> Sample:
    """These frames of a clip, cropped, with their cameras.

    Args:
        clip: that `refusal` has nothing against.
        size: (width, height) that the network takes, pixels.
        choice: the frames.
        published: see `cropped_intrinsics`.
    """
    chosen = choice.indices
    crop = covering_crop(clip.size, size)
    paths = chosen_cameras(clip, chosen, cropped_intrinsics(clip.intrinsics[chosen], crop, published))
    video = cropped_video(clip.read(chosen), crop)
    return Sample(clip.name, video, paths, clip.caption, choice, choice.fps(clip.fps), clip_key(clip))


def chosen_cameras(clip: TrainingClip, chosen: list[int], intrinsics: Float64) -> CameraPaths:
    """The cameras of some frames, a batch of one: poses in float64, the rest in float32.

    Args:
        clip: the clip.
        chosen: indices of the frames.
        intrinsics: [T, 3, 3] of those frames as the network sees them.
    """
    scales = np.ones(len(chosen)) if clip.scales is None else clip.scales[chosen]
    return CameraPaths(
        torch.from_numpy(np.array(clip.camera_to_world[chosen], dtype=np.float64))[None],
        torch.from_numpy(intrinsics.astype(np.float32))[None],
        torch.from_numpy(np.asarray(scales, dtype=np.float32))[None],
    )
