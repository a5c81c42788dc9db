"""A whole shot: segments one after the other, each conditioned, sampled and decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from server.diffusion.ddim import DdimPlan, ddim_plan
from server.diffusion.guidance import GuidanceConfig
from server.diffusion.sampler import Constraint, SamplerConfig, sample
from server.diffusion.schedule import noise_schedule
from server.diffusion.shaping import Draw, KnownFrames, SceneShaping, ShapingStyle, Threshold
from server.geometry.relative_poses import CORRECT, PUBLISHED

from . import scene_mask
from .camera_condition import camera_condition
from .conditions import BoundDenoiser, Conditions, bind, concat_latents, context_tokens
from .model import RealCamModel
from .segments import Segment, plan_segments
from .unet import Camera

UInt8 = NDArray[np.uint8]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ShotInputs:
    """poses [F, 4, 4] camera-to-world seen from the picture's camera, metres; intrinsics [F, 3, 3] pixels.

    picture [1, 3, H, W] in [-1, 1]: what that camera sees. reference: the frame where it stands, None if none does.
    preview [F, H, W, 4] uint8, None not to shape. held: whole frames that are given, each [1, 3, H, W].
    """

    poses: Float64
    intrinsics: Float64
    picture: Tensor
    reference: int | None
    preview: UInt8 | None
    held: Mapping[int, Tensor] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.picture.shape[-1], self.picture.shape[-2]


@dataclass(frozen=True)
class SamplingOptions:
    """fps: what the network is told (conditions.fps_value). faithful: as published, quirks included, which needs the
    reference frame in the shot and no segments. batched: guidance branches in one batch."""

    prompt: str = ""
    negative_prompt: str = ""
    steps: int = 25
    eta: float = 1.0
    guidance: GuidanceConfig = field(default_factory=lambda: GuidanceConfig(scale=5.5))
    shaping: ShapingStyle = "noisy"
    threshold: Threshold = field(default_factory=lambda: Threshold(900))
    fps: int = 14
    overlap: int = 4
    faithful: bool = False
    batched: bool = False
    lossy_guidance_every: int = 1


@dataclass(frozen=True, eq=False)
class Hooks:
    """on_step: (steps done, of, clean latents so far [1, 4, T, h, w]). on_work: called often; what it raises ends the
    work. on_stage: what is being done, when that is not sampling."""

    on_step: Callable[[int, int, Tensor], None] = lambda done, of, clean: None
    on_work: Callable[[], None] = lambda: None
    on_stage: Callable[[str], None] = lambda stage: None


def sample_shot(model: RealCamModel, inputs: ShotInputs, options: SamplingOptions, draw: Draw, hooks: Hooks) -> UInt8:
    """[F, H, W, 3] uint8 frames."""
    segments = plan_segments(len(inputs.poses), model.config.frames, options.overlap)
    plan = ddim_plan(noise_schedule(model.config.schedule), options.steps, options.eta)
    frames: list[UInt8] = []
    latents: Tensor | None = None
    with torch.inference_mode():
        negative = _negative_context(model, inputs, options)
        for number, segment in enumerate(segments):
            start = _Start.of_shot(inputs) if latents is None else _Start.after(inputs, segment, latents, frames[-1])
            hooks.on_stage("Reading the picture and the camera")
            segment_hooks = _numbered(hooks, number, len(segments), options.steps)
            latents = _sample_segment(model, inputs, segment, start, negative, plan, options, draw, segment_hooks)
            hooks.on_stage("Decoding")
            fresh = model.vae.decode(latents[:, :, segment.known :], hooks.on_work)
            frames.append(scene_mask.to_frames(fresh))
    return np.concatenate(frames)


@dataclass(frozen=True, eq=False)
class _Start:
    """What a segment starts from: a picture, where it stands in the segment, and the camera all poses are seen from.

    known: latents [1, 4, n, h, w] of the frames that the segment before made.
    """

    picture: Tensor
    reference: int | None
    origin: Float64
    known: Tensor | None

    @classmethod
    def of_shot(cls, inputs: ShotInputs) -> _Start:
        return cls(inputs.picture, inputs.reference, np.eye(4), None)

    @classmethod
    def after(cls, inputs: ShotInputs, segment: Segment, latents: Tensor, frames: UInt8) -> _Start:
        """The last frame made so far becomes the picture: what comes next resembles it most."""
        reference = segment.known - 1
        picture = scene_mask.to_clip(frames[-1:])[:, :, 0]
        return cls(picture, reference, inputs.poses[segment.start + reference], latents[:, :, -segment.known :])


def _sample_segment(
    model: RealCamModel,
    inputs: ShotInputs,
    segment: Segment,
    start: _Start,
    negative: Tensor,
    plan: DdimPlan,
    options: SamplingOptions,
    draw: Draw,
    hooks: Hooks,
) -> Tensor:
    reference = _reference_latents(model, segment, start, options, draw)
    camera = _camera(model, inputs, segment, start, options, draw)
    tokens = model.tokenizer(options.prompt).ids
    positive = context_tokens(model, tokens, start.picture)
    concat = concat_latents(reference, start.reference or 0)
    conditions: Conditions = bind(model, concat, positive, negative, camera, options.fps, options.faithful)
    constraints = _constraints(model, inputs, segment, start, reference, options, draw)
    denoise = BoundDenoiser(model.unet, conditions, options.batched, hooks.on_work)
    config = SamplerConfig(
        model.config.schedule.prediction,
        options.guidance,
        restore_scale=not options.faithful,
        lossy_guidance_every=options.lossy_guidance_every,
    )
    shape = tuple(concat.shape)
    return sample(
        denoise, plan, config, shape, draw, constraints, lambda done, clean: hooks.on_step(done, len(plan), clean)
    )


def _reference_latents(
    model: RealCamModel, segment: Segment, start: _Start, options: SamplingOptions, draw: Draw
) -> Tensor:
    """[1, 4, T, h, w] the picture's latent for every frame. The published code samples each frame's anew."""
    if start.known is not None and start.reference is not None:
        one = start.known[:, :, start.reference : start.reference + 1]
    elif options.faithful:
        return model.vae.encode(start.picture[:, :, None].expand(-1, -1, len(segment), -1, -1), draw)
    else:
        one = model.vae.encode(start.picture[:, :, None], draw)
    return one.expand(-1, -1, len(segment), -1, -1)


def _camera(
    model: RealCamModel, inputs: ShotInputs, segment: Segment, start: _Start, options: SamplingOptions, draw: Draw
) -> Camera:
    count = len(segment)
    seen = np.linalg.inv(start.origin) @ inputs.poses[segment.start : segment.stop]
    poses = torch.from_numpy(seen)[None]
    intrinsics = torch.from_numpy(inputs.intrinsics[segment.start : segment.stop].copy())[None]
    conventions = PUBLISHED if options.faithful else CORRECT
    noise = None
    if options.faithful:
        poses, intrinsics = poses.float(), intrinsics.float()
        noise = draw((1, count, count, 3, 1))[..., 0].cpu()
    device = model.device
    return camera_condition(
        model.pose_encoder,
        model.config.unet,
        poses.to(device),
        intrinsics.to(device),
        inputs.size,
        conventions,
        None if noise is None else noise.to(device),
    )


def _constraints(
    model: RealCamModel,
    inputs: ShotInputs,
    segment: Segment,
    start: _Start,
    reference: Tensor,
    options: SamplingOptions,
    draw: Draw,
) -> list[Constraint]:
    found: list[Constraint] = []
    follow = not options.faithful
    if inputs.preview is not None:
        preview = inputs.preview[segment.start : segment.stop]
        opaque = scene_mask.not_black(preview) if options.faithful else scene_mask.visible(preview)
        pictures = preview[..., :3] if options.faithful else scene_mask.filled(preview)
        scene = model.vae.encode(scene_mask.to_clip(pictures), draw)
        # The published code takes frame 0 for the picture's, wherever the picture stands.
        at = 0 if options.faithful else start.reference
        if at is not None:
            scene[:, :, at] = reference[:, :, at]
        mask = scene_mask.latent_mask(opaque).to(scene)
        found.append(SceneShaping(scene, mask, options.threshold, options.shaping, follow))
    if start.known is not None:
        found.append(KnownFrames(_padded(start.known, len(segment)), tuple(range(segment.known)), follow_scale=follow))
    for frame, picture in inputs.held.items():
        if segment.start + segment.known <= frame < segment.stop:
            latent = model.vae.encode(picture[:, :, None], draw).expand(-1, -1, len(segment), -1, -1)
            found.append(KnownFrames(latent, (frame - segment.start,), follow_scale=follow))
    return found


def _negative_context(model: RealCamModel, inputs: ShotInputs, options: SamplingOptions) -> Tensor:
    """The negative prompt with a mid-grey picture, as the weights were trained to take "no picture"."""
    return context_tokens(model, model.tokenizer(options.negative_prompt).ids, torch.zeros_like(inputs.picture))


def _padded(known: Tensor, frames: int) -> Tensor:
    padding = known[:, :, -1:].expand(-1, -1, frames - known.shape[2], -1, -1)
    return torch.cat([known, padding], dim=2)


def _numbered(hooks: Hooks, segment: int, segments: int, steps: int) -> Hooks:
    """Steps counted over all segments."""
    return Hooks(
        on_step=lambda done, of, clean: hooks.on_step(segment * steps + done, segments * steps, clean),
        on_work=hooks.on_work,
        on_stage=hooks.on_stage,
    )
