"""A whole shot: segments one after the other, each conditioned, sampled and decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.arrays import Float64, UInt8
from server.diffusion.ddim import DdimPlan, ddim_plan
from server.diffusion.guidance import GuidanceConfig
from server.diffusion.sampler import Constraint, Denoiser, SamplerConfig, SamplerState, SeededNoise, sample
from server.diffusion.schedule import in_half_precision, noise_schedule
from server.diffusion.shaping import FixedLatents, SceneShaping, ShapingStyle, Threshold
from server.geometry.relative_poses import CORRECT, PUBLISHED
from server.model.config import ModelConfig
from server.model.errors import no_numbers
from server.model.model import RealCamModel
from server.model.unet.unet import Camera

from . import scene_mask
from .branch_devices import OnWork, spread
from .camera_condition import camera_condition
from .conditions import BoundDenoiser, ConcatStyle, bind, concat_latents, context_tokens
from .segments import Segment, plan_segments


@dataclass(frozen=True, eq=False)
class FixedFrame:
    """A picture that some frames of the clip show whole.

    Attributes:
        picture: [1, 3, H, W] in [-1, 1].
        frames: indices of those frames.
    """

    picture: Tensor
    frames: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ShotInputs:
    """A shot as the sampler takes it.

    Attributes:
        poses: [F, 4, 4] camera-to-world as seen from the picture's camera, metres.
        intrinsics: [F, 3, 3], pixels.
        picture: [1, 3, H, W] in [-1, 1], what the picture's camera sees.
        reference: the frame where that camera stands, None if none does.
        preview: [F, H, W, 4] uint8, None for no shaping.
        held: frames that are given whole.
    """

    poses: Float64
    intrinsics: Float64
    picture: Tensor
    reference: int | None
    preview: UInt8 | None
    held: tuple[FixedFrame, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), pixels."""
        return self.picture.shape[-1], self.picture.shape[-2]


@dataclass(frozen=True)
class SamplingOptions:
    """How a shot is sampled.

    Attributes:
        prompt: what the clip shows.
        negative_prompt: what it is guided away from.
        steps: sampling steps.
        eta: 0 to 1, fresh noise of each step.
        guidance: towards prompt, picture and camera.
        shaping: how the preview is held, see server/diffusion/shaping.py.
        threshold: down to where it is held.
        fps: what the network is told, see `fps_value`.
        overlap: frames that segments share.
        published_parity: as published, quirks included; needs the reference frame in the shot, and a single segment.
        batched: run guidance branches in one batch.
        tiled: see VideoVae.decode.
        lossy_guidance_every: see SamplerConfig.
        forms: of the latents beside the noise that the network was trained for, see `concat_latents`. What is known of
            a segment beside its picture, the frames before it or its last one, is told in one of them.
    """

    prompt: str = ""
    negative_prompt: str = ""
    steps: int = 25
    eta: float = 1.0
    guidance: GuidanceConfig = field(default_factory=lambda: GuidanceConfig(scale=5.5))
    shaping: ShapingStyle = "noisy"
    threshold: Threshold = field(default_factory=lambda: Threshold(900))
    fps: int = 14
    overlap: int = 4
    published_parity: bool = False
    batched: bool = False
    tiled: bool = False
    lossy_guidance_every: int = 1
    forms: tuple[ConcatStyle, ...] = ("repeat",)


@dataclass(frozen=True, eq=False)
class ShotState:
    """How far a shot has come: all that is needed to go on to the same clip.

    Attributes:
        frames: of each finished segment, [n, H, W, 3] uint8.
        latents: of the last of them, [1, 4, T, h, w]; None before the first is finished.
        begun: state of the noise when the segment under way began.
        steps: where the sampling of that segment stands; None at its beginning.
        drawn: state of the noise after those steps; None at its beginning.
    """

    frames: tuple[UInt8, ...]
    latents: Tensor | None
    begun: Tensor
    steps: SamplerState | None = None
    drawn: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Hooks:
    """Functions that are called while a shot is sampled.

    Attributes:
        on_step: after each step, with the steps done, those of the whole shot, and the clean latents so far
            [1, 4, T, h, w].
        on_work: often; what it raises ends the work.
        on_stage: with a name of what is being done, when that is not sampling.
        on_state: with where the shot stands, after each step and at the beginning of each segment.
        on_latents: after each step, with its timestep, the noisy latents and the clean ones [1, 4, T, h, w]; noisy
            latents that it returns are gone on with.
    """

    on_step: Callable[[int, int, Tensor], None] = lambda done, of, clean: None
    on_work: Callable[[], None] = lambda: None
    on_stage: Callable[[str], None] = lambda stage: None
    on_state: Callable[[ShotState], None] = lambda state: None
    on_latents: Callable[[int, Tensor, Tensor], Tensor | None] = lambda timestep, latents, clean: None


def sample_shot(
    model: RealCamModel,
    inputs: ShotInputs,
    options: SamplingOptions,
    noise: SeededNoise,
    hooks: Hooks,
    start: ShotState | None = None,
    replicas: Sequence[RealCamModel] = (),
) -> UInt8:
    """The frames of a shot.

    Args:
        model: the network and its encoders.
        inputs: the shot.
        options: how it is sampled.
        noise: where all draws come from.
        hooks: progress, cancel and checkpoints; what they raise ends the sampling.
        start: a state that the same shot, sampled the same way, has been in; None to begin.
        replicas: of the model on other devices, see `replicated`: the branches of guidance are shared out to them.

    Returns:
        [F, H, W, 3] uint8.

    Raises:
        EngineError: the network's values are no numbers any more.
    """
    shot = start or ShotState((), None, noise.state)
    with torch.inference_mode():
        sampling = _ShotSampling.of((model, *replicas), inputs, options, noise, hooks)
        while len(shot.frames) < len(sampling.segments):
            hooks.on_state(shot)
            shot = sampling.next_segment(shot)
    return np.concatenate(shot.frames)


def shot_plan(config: ModelConfig, dtype: torch.dtype, options: SamplingOptions) -> DdimPlan:
    """The sampling steps of every segment.

    As published, in half precision, the schedule is rounded with the weights.

    Args:
        config: says the training schedule.
        dtype: of the weights.
        options: steps, eta and whether to sample as published.
    """
    schedule = noise_schedule(config.schedule)
    if options.published_parity and dtype == torch.float16:
        schedule = in_half_precision(schedule, config.schedule)
    return ddim_plan(schedule, options.steps, options.eta)


@dataclass(frozen=True, eq=False)
class _Start:
    """What a segment starts from.

    Attributes:
        picture: [1, 3, H, W] in [-1, 1].
        reference: where it stands in the segment, None if nowhere.
        origin: [4, 4], the camera that all poses are seen from.
        known: latents [1, 4, n, h, w] of the frames that the segment before made; None for the first segment.
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
        """The start of a later segment, from the last frame made so far: what comes next resembles it most.

        Args:
            inputs: the shot.
            segment: the one to start.
            latents: of the segment before.
            frames: that it made.
        """
        reference = segment.known - 1
        picture = scene_mask.to_clip(frames[-1:])[:, :, 0]
        return cls(picture, reference, inputs.poses[segment.start + reference], latents[:, :, -segment.known :])


@dataclass(frozen=True, eq=False)
class _ShotSampling:
    """What all segments share.

    Attributes:
        models: the network and its encoders, and its replicas on other devices.
        inputs: the shot.
        options: how it is sampled.
        noise: where all draws come from.
        hooks: functions to call.
        segments: of the shot.
        plan: the steps of every segment.
        negative: context tokens of the negative prompt.
    """

    models: Sequence[RealCamModel]
    inputs: ShotInputs
    options: SamplingOptions
    noise: SeededNoise
    hooks: Hooks
    segments: tuple[Segment, ...]
    plan: DdimPlan
    negative: Tensor

    @classmethod
    def of(
        cls,
        models: Sequence[RealCamModel],
        inputs: ShotInputs,
        options: SamplingOptions,
        noise: SeededNoise,
        hooks: Hooks,
    ) -> _ShotSampling:
        model = models[0]
        segments = plan_segments(len(inputs.poses), model.config.frames, options.overlap)
        plan = shot_plan(model.config, model.dtype, options)
        # A mid-grey picture: how the weights were trained to take "no picture".
        grey = torch.zeros_like(inputs.picture)
        negative = context_tokens(model, model.tokenizer(options.negative_prompt).ids, grey)
        return cls(models, inputs, options, noise, hooks, segments, plan, negative)

    @property
    def model(self) -> RealCamModel:
        """The network and its encoders, on the device where all but branches of guidance is computed."""
        return self.models[0]

    def next_segment(self, shot: ShotState) -> ShotState:
        """The shot with its next segment sampled and decoded."""
        segment = self.segments[len(shot.frames)]
        if shot.latents is None:
            start = _Start.of_shot(self.inputs)
        else:
            start = _Start.after(self.inputs, segment, shot.latents, shot.frames[-1])
        latents = self._sample(shot, segment, start)
        self.hooks.on_stage("Decoding")
        fresh = self.model.vae.decode(latents[:, :, segment.known :], self.hooks.on_work, self.options.tiled)
        broken = fresh.isfinite().logical_not().flatten(3).any(dim=3)[0].any(dim=0).cpu().numpy()
        if broken.any():
            raise no_numbers(int(broken.argmax()), len(broken))
        return ShotState((*shot.frames, scene_mask.to_frames(fresh)), latents, self.noise.state)

    def _sample(self, shot: ShotState, segment: Segment, start: _Start) -> Tensor:
        self.hooks.on_stage("Reading the picture and the camera")
        self.noise.load_state(shot.begun)
        options, model = self.options, self.model
        reference = self._reference_latents(segment, start)
        camera_of = self._camera(segment, start)
        positive = context_tokens(model, model.tokenizer(options.prompt).ids, start.picture)
        image_only = None
        if options.guidance.uses_image_only:
            image_only = context_tokens(model, model.tokenizer(options.negative_prompt).ids, start.picture)
        held = self._held(segment)
        concat = self._beside(segment, start, reference, held)

        def bound(model: RealCamModel, on_work: OnWork) -> Denoiser:
            told = (options.fps, options.published_parity, image_only)
            conditions = bind(model, concat, positive, self.negative, camera_of(model), *told)
            return BoundDenoiser(model.unet, conditions, options.batched, on_work)

        constraints = self._constraints(segment, start, reference, held)
        config = SamplerConfig(
            model.config.schedule.prediction,
            options.guidance,
            restore_scale=not options.published_parity,
            lossy_guidance_every=options.lossy_guidance_every,
        )
        if shot.drawn is not None:
            self.noise.load_state(shot.drawn)

        def on_step(state: SamplerState, clean: Tensor) -> Tensor | None:
            steps = len(self.plan)
            changed = self.hooks.on_latents(int(self.plan.timesteps[steps - state.done]), state.latent, clean)
            if changed is not None:
                state = replace(state, latent=changed)
            self.hooks.on_step(len(shot.frames) * steps + state.done, len(self.segments) * steps, clean)
            self.hooks.on_state(replace(shot, steps=state, drawn=self.noise.state))
            return changed

        with spread(bound, self.models, self.hooks.on_work) as denoise:
            return sample(
                denoise, self.plan, config, tuple(concat.shape), self.noise, constraints, on_step, start=shot.steps
            )

    def _reference_latents(self, segment: Segment, start: _Start) -> Tensor:
        """The picture's latent for every frame, [1, 4, T, h, w]. The published code samples each frame's anew."""
        if start.known is not None and start.reference is not None:
            one = start.known[:, :, start.reference : start.reference + 1]
        elif self.options.published_parity:
            return self._encode(start.picture[:, :, None].expand(-1, -1, len(segment), -1, -1))
        else:
            one = self._encode(start.picture[:, :, None])
        return one.expand(-1, -1, len(segment), -1, -1)

    def _held(self, segment: Segment) -> list[tuple[Tensor, tuple[int, ...]]]:
        """Latents [1, 4, 1, h, w] of the pictures that frames of the segment show whole, and these frames."""
        found = []
        for held in self.inputs.held:
            fresh = range(segment.start + segment.known, segment.stop)
            here = tuple(frame - segment.start for frame in held.frames if frame in fresh)
            if here:
                # Its mean: the same picture in two segments is the same latent.
                latent = self.model.vae.encode(held.picture[:, :, None], None, between=self.hooks.on_work)
                found.append((latent, here))
        return found

    def _beside(
        self, segment: Segment, start: _Start, reference: Tensor, held: list[tuple[Tensor, tuple[int, ...]]]
    ) -> Tensor:
        """The clean latents beside the noise: the frames before and the last one too, if the network can be told."""
        at, forms, last = start.reference or 0, self.options.forms, len(segment) - 1
        if start.known is not None and start.reference is not None and "continue" in forms:
            return concat_latents(torch.cat([start.known, reference[:, :, segment.known :]], dim=2), at, "continue")
        ending = next((latent for latent, frames in held if last in frames), None)
        style = next((form for form in forms if form == "repeat_to_end" or (form == "ends" and at == 0)), None)
        if ending is None or style is None:
            return concat_latents(reference, at)
        return concat_latents(torch.cat([reference[:, :, :-1], ending], dim=2), at, style)

    def _camera(self, segment: Segment, start: _Start) -> Callable[[RealCamModel], Camera]:
        """What makes the camera on a model's device. What noise it wants is drawn now, once."""
        count = len(segment)
        seen = np.linalg.inv(start.origin) @ self.inputs.poses[segment.start : segment.stop]
        poses = torch.from_numpy(seen)[None]
        intrinsics = torch.from_numpy(self.inputs.intrinsics[segment.start : segment.stop].copy())[None]
        conventions = PUBLISHED if self.options.published_parity else CORRECT
        noise: Tensor | None = None
        if self.options.published_parity:
            poses, intrinsics = poses.float(), intrinsics.float()
            noise = self.noise((1, count, count, 3, 1))[..., 0].cpu()

        def camera_of(model: RealCamModel) -> Camera:
            return camera_condition(
                model.pose_encoder,
                model.config.unet,
                poses.to(model.device),
                intrinsics.to(model.device),
                self.inputs.size,
                conventions,
                None if noise is None else noise.to(model.device),
            )

        return camera_of

    def _constraints(
        self, segment: Segment, start: _Start, reference: Tensor, held: list[tuple[Tensor, tuple[int, ...]]]
    ) -> list[Constraint]:
        found: list[Constraint] = []
        follow = not self.options.published_parity
        if self.inputs.preview is not None:
            preview = self.inputs.preview[segment.start : segment.stop]
            opaque = scene_mask.not_black(preview) if self.options.published_parity else scene_mask.visible(preview)
            pictures = preview[..., :3] if self.options.published_parity else scene_mask.filled(preview)
            scene = self._encode(scene_mask.to_clip(pictures))
            # The published code takes frame 0 for the picture's, wherever the picture stands.
            at = 0 if self.options.published_parity else start.reference
            if at is not None:
                scene[:, :, at] = reference[:, :, at]
            mask = scene_mask.latent_mask(opaque, scene.shape[1]).to(scene)
            found.append(SceneShaping(scene, mask, self.options.threshold, self.options.shaping, follow))
        if start.known is not None:
            found.append(
                FixedLatents(_padded(start.known, len(segment)), tuple(range(segment.known)), follow_scale=follow)
            )
        for latent, frames in held:
            whole = latent.expand(-1, -1, len(segment), -1, -1)
            found.append(FixedLatents(whole, frames, follow_scale=follow))
        return found

    def _encode(self, clip: Tensor) -> Tensor:
        return self.model.vae.encode(clip, self.noise, between=self.hooks.on_work)


def _padded(known: Tensor, frames: int) -> Tensor:
    padding = known[:, :, -1:].expand(-1, -1, frames - known.shape[2], -1, -1)
    return torch.cat([known, padding], dim=2)
