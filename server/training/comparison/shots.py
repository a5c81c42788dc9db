"""A held-out clip as the shots that are made of it: its first frame is the photo, its camera the one to follow."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_mesh import depth_mesh
from server.diffusion.guidance import GuidanceConfig
from server.diffusion.sampler import SeededNoise
from server.diffusion.shaping import Threshold
from server.geometry.preview import PreviewRenderer
from server.model.config import ModelConfig
from server.model.model import RealCamModel
from server.model.sampling import scene_mask
from server.model.sampling.conditions import ConcatStyle
from server.model.sampling.shot_sampler import FixedFrame, Hooks, SamplingOptions, ShotInputs, sample_shot
from server.reconstruction.scale import DepthMap
from server.training.camera import metric_poses
from server.training.conditions import speed_value
from server.training.data.aligned_clips import AlignedClip
from server.training.data.frame_choice import FrameChoice
from server.training.data.samples import chosen_sample
from server.training.validation.validation import first_depth

from .rows import Mode, Row
from .settings import ComparisonSettings

TOLD: tuple[ConcatStyle, ...] = ("repeat", "repeat_to_end", "continue")
"""Forms of the latents beside the noise that a network which is told knows."""


@dataclass(frozen=True, eq=False)
class FilmedClip:
    """A held-out clip.

    Attributes:
        name: of it.
        frames: [T, H, W, 3] uint8, as filmed.
        trajectory: of its camera, metres, the first frame the identity.
        depth: of the first frame, metres.
        unit: metres of the clip's own unit of length, see AlignedClip.
        caption: in words.
        speed: what the network is told of it, see `speed_value`.
    """

    name: str
    frames: UInt8
    trajectory: Trajectory
    depth: DepthMap
    unit: float
    caption: str
    speed: int


def filmed_clip(clip: AlignedClip, config: ModelConfig, size: tuple[int, int]) -> FilmedClip | None:
    """A clip's first frames; None without the first one's depth.

    Args:
        clip: with one scale.
        config: of the network, says how many frames.
        size: (width, height) of a frame, pixels.
    """
    depth = first_depth(clip)
    if depth is None:
        return None
    choice = FrameChoice(0, 1, min(config.frames, len(clip.camera_to_world)))
    sample = chosen_sample(clip, size, choice)
    poses = metric_poses(sample.paths, torch.zeros(1, dtype=torch.int64))[0].double().numpy()
    return FilmedClip(
        name=clip.name,
        frames=scene_mask.to_frames(sample.video[None] + 1 / 255),  # to_frames truncates
        trajectory=Trajectory(poses, sample.paths.intrinsics[0].double().numpy(), *size),
        depth=depth,
        unit=replace(clip, relative=True).unit,
        caption=sample.caption,
        speed=speed_value(config, choice.stride, sample.fps),
    )


def path_of(mode: Mode, frames: int) -> list[int]:
    """Which of a clip's frames the camera of a mode passes, in order, or the nearest to where it is.

    Args:
        mode: a loop goes out and home again; a continuation takes three quarters as many frames more for the same way,
            so that its segments join in the middle of it.
        frames: of the clip.
    """
    if mode == "loop":
        half = frames // 2
        return [*range(half), *range(frames - half - 1, -1, -1)]
    if mode == "continuation":
        return [round(place) for place in np.linspace(0, frames - 1, frames + 3 * frames // 4)]
    return list(range(frames))


def asked_camera(clip: FilmedClip, mode: Mode) -> Trajectory:
    """The camera of a shot, metres."""
    chosen = path_of(mode, len(clip.frames))
    camera = clip.trajectory
    if mode == "continuation":
        return camera.resample(len(chosen))
    return Trajectory(camera.camera_to_world[chosen], camera.intrinsics[chosen], camera.width, camera.height)


def shot_of(clip: FilmedClip, row: Row) -> ShotInputs:
    """What the sampler is given for a row.

    Args:
        clip: of the test split.
        row: says mode, preview, and in which unit the camera is given.
    """
    camera = asked_camera(clip, row.mode)
    picture = _picture(clip.frames[0])
    held: tuple[FixedFrame, ...] = ()
    last = len(camera) - 1
    if row.mode == "loop":
        held = (FixedFrame(picture, (0, last)),)
    elif row.mode == "interpolation":
        held = (FixedFrame(_picture(clip.frames[-1]), (last,)),)
    poses = camera.camera_to_world.copy()
    if row.own_unit:
        poses[:, :3, 3] /= clip.unit
    preview = preview_of(clip, camera) if row.shaped else None
    return ShotInputs(poses, camera.intrinsics, picture, 0, preview, held)


def preview_of(clip: FilmedClip, camera: Trajectory) -> UInt8:
    """[F, H, W, 4] the first frame on its depth, seen by the camera, as the product draws it."""
    size = (camera.width, camera.height)
    renderer = PreviewRenderer(clip.frames[0], depth_mesh(clip.depth.depth, camera.intrinsics[0], size))
    return np.stack(list(renderer.frames(camera)))


def made_clip(model: RealCamModel, clip: FilmedClip, row: Row, settings: ComparisonSettings) -> UInt8:
    """[F, H, W, 3] the frames that the network makes, by the engine's own sampler.

    Args:
        model: with the row's camera modules.
        clip: of the test split.
        row: what is made of it.
        settings: of the sampling.
    """
    options = SamplingOptions(
        prompt=clip.caption,
        steps=settings.steps,
        eta=settings.eta,
        guidance=GuidanceConfig(
            scale=settings.guidance, rescale=settings.guidance_rescale, camera_scale=settings.camera_guidance
        ),
        threshold=Threshold(settings.shaping_until),
        fps=clip.speed,
        batched=True,
        forms=TOLD if row.told else TOLD[:1],
    )
    noise = SeededNoise(noise_seed(settings.seed, clip.name), model.device)
    return sample_shot(model, shot_of(clip, row), options, noise, Hooks())


def rebuilt_clip(model: RealCamModel, frames: UInt8) -> UInt8:
    """What the model's VAE gives back of frames [F, H, W, 3]."""
    with torch.inference_mode():
        return scene_mask.to_frames(model.vae.decode(model.vae.encode(scene_mask.to_clip(frames), None)))


def noise_seed(seed: int, clip: str) -> int:
    """The seed of a clip's noise, the same for every network."""
    return int.from_bytes(hashlib.sha256(f"{seed} {clip}".encode()).digest()[:4], "big")


def features_of(model: RealCamModel, frames: UInt8) -> Float64:
    """A clip's features, [6 C], for the distance of two sets of clips: no network that judges pictures is at hand.

    Of each channel of the VAE's latents: mean and standard deviation, and the mean and standard deviation of the
    difference in size of neighbours in time, and the mean along each axis of the picture.

    Args:
        model: its VAE encodes.
        frames: [F, H, W, 3].
    """
    with torch.inference_mode():
        latents = model.vae.encode(scene_mask.to_clip(frames), None)[0].double()
    apart: Sequence[torch.Tensor] = [latents.diff(dim=axis).abs().flatten(1) for axis in (1, 2, 3)]
    flat = latents.flatten(1)
    found = [flat.mean(1), flat.std(1), apart[0].mean(1), apart[0].std(1), apart[1].mean(1), apart[2].mean(1)]
    return np.asarray(torch.cat(found).cpu().numpy(), dtype=np.float64)


def _picture(frame: UInt8) -> torch.Tensor:
    return scene_mask.to_clip(frame[None])[:, :, 0]
