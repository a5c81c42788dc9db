"""Clips made from a held-out clip's first frame and camera, and the camera that is found in them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from blender_addon.core.arrays import UInt8
from blender_addon.core.camera.trajectory import Trajectory
from server.diffusion.guidance import GuidanceConfig
from server.diffusion.sampler import SeededNoise
from server.evaluation.evaluate import Method, evaluate_clip
from server.evaluation.inputs import EvaluationInput
from server.evaluation.records import PublishedErrors
from server.model.model import RealCamModel
from server.model.sampling.scene_mask import to_frames
from server.model.sampling.shot_sampler import Hooks, SamplingOptions, ShotInputs, sample_shot
from server.reconstruction.scale import DepthMap
from server.training.camera import metric_poses
from server.training.conditions import speed_value
from server.training.data.samples import Sample

from .fixed_loss import DRAWS_SEED


@dataclass(frozen=True, eq=False)
class SampledClip:
    """A clip that was made, and the one it was made after.

    Attributes:
        name: of the held-out clip.
        truth: [T, H, W, 3] uint8.
        frames: [T, H, W, 3] uint8, as sampled.
        errors: of the camera found in them; None where none was found, or nothing could look for it.
        solved: whether it was found; None where nothing could look for it.
    """

    name: str
    truth: UInt8
    frames: UInt8
    errors: PublishedErrors | None
    solved: bool | None


def sampled_clip(
    model: RealCamModel, sample: Sample, depth: DepthMap | None, steps: int, guidance: float
) -> SampledClip:
    """Make a clip as the engine does, and look for its camera.

    Args:
        model: in evaluation mode.
        sample: its first frame and its camera are given to the network.
        depth: metric, of the first frame; frames are aligned to it. None: points are followed, if pycolmap is there.
        steps: of the sampling.
        guidance: classifier-free.
    """
    poses = metric_poses(sample.paths, torch.zeros(1, dtype=torch.int64))[0].double().numpy()
    intrinsics = sample.paths.intrinsics[0].double().numpy()
    inputs = ShotInputs(poses, intrinsics, sample.video[None, :, 0].to(model.device), 0, None)
    options = SamplingOptions(
        prompt=sample.caption,
        steps=steps,
        guidance=GuidanceConfig(scale=guidance),
        fps=speed_value(model.config, sample.choice.stride, sample.fps),
    )
    frames = sample_shot(model, inputs, options, SeededNoise(DRAWS_SEED, model.device), Hooks())
    height, width = frames.shape[1:3]
    asked = Trajectory(poses, intrinsics, width, height)
    solved, errors = found_camera(sample.clip, frames, asked, depth)
    return SampledClip(sample.clip, to_frames(sample.video[None]), frames, errors, solved)


def found_camera(
    clip: str, frames: UInt8, asked: Trajectory, depth: DepthMap | None
) -> tuple[bool | None, PublishedErrors | None]:
    """Whether the camera was found in a clip, None where nothing could look for it; and its errors, if it was.

    Args:
        clip: its name.
        frames: [T, H, W, 3] uint8.
        asked: the camera that it was to follow, metres.
        depth: metric, of the first frame, or None.
    """
    if depth is None and importlib.util.find_spec("pycolmap") is None:
        return None, None
    given = EvaluationInput(clip, frames, "the clip's own", asked, depth)
    method: Method = "features" if depth is None else "direct"
    errors = evaluate_clip(given, trials=1, method=method).errors
    return errors is not None, errors


def mean_errors(clips: Sequence[SampledClip], failed: int = 0) -> dict[str, float]:
    """Points on the curves by their names: the share of clips whose camera was found, and the means over these.

    Args:
        clips: that were made.
        failed: clips that could not be made, in which no camera was found either.
    """
    looked = [clip for clip in clips if clip.solved is not None]
    if not looked and (clips or not failed):
        return {}
    found = [clip.errors for clip in looked if clip.errors is not None]
    values = {"camera_found": len(found) / (len(looked) + failed)}
    for name in PublishedErrors.__struct_fields__:
        numbers = [number for errors in found if (number := getattr(errors, name)) is not None]
        if numbers:
            values[name] = float(np.mean(numbers))
    return values
