"""The base without a camera: the denoising network and the encoders of its conditions, on a frozen VAE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from blender_addon.core.arrays import UInt8
from server.diffusion.ddim import ddim_plan
from server.diffusion.guidance import GuidanceConfig
from server.diffusion.sampler import SamplerConfig, SeededNoise, sample
from server.diffusion.schedule import noise_schedule
from server.model.config import LATENT_DOWNSAMPLE, NANO
from server.model.model import RealCamModel
from server.model.sampling.conditions import BoundDenoiser, ConcatStyle, bind, concat_latents, context_tokens
from server.model.sampling.scene_mask import to_frames
from server.training.conditions import dropped
from server.training.data.camera_paths import CameraPaths
from server.training.draws import StepDraws, draw_step, joined_draws, sample_generator
from server.training.reporting.contact_sheet import contact_sheet
from server.training.step import StepRules, TrainingBatch, training_step

from .latent_cache import LatentCache
from .world_clips import WorldClips

FRAMES = NANO.frames
PIXELS = (NANO.size[1], NANO.size[0])
"""(height, width) of a frame."""
LATENT_SIZE = (PIXELS[0] // LATENT_DOWNSAMPLE, PIXELS[1] // LATENT_DOWNSAMPLE)
"""(height, width) of a latent."""
RULES = StepRules(with_camera=False)
VALIDATED = 16
"""Clips whose loss is measured in validation, each at TIMESTEPS with fixed draws."""
TIMESTEPS = (100, 300, 500, 700, 900)
SAMPLED, SAMPLE_STEPS = 3, 12
"""Clips of the sheet, and DDIM steps of each."""
SPEED = 1
"""What the network is told of the speed: every frame of the source."""


@dataclass(frozen=True, eq=False)
class BaseLearner:
    """The base and its data, a Learner.

    Attributes:
        model: its camera modules stay as they are.
        clips: to train on.
        validation: to measure on.
        latents: of the clips to train on.
        validation_latents: of those to measure on.
        batch: clips of a step.
        seed: of everything random.
        mix: share of the samples that get each form of latents beside the noise.
        timestep_shift: see `draws.shifted`.
    """

    model: RealCamModel
    clips: WorldClips
    validation: WorldClips
    latents: LatentCache
    validation_latents: LatentCache
    batch: int
    seed: int
    mix: Mapping[ConcatStyle, float]
    timestep_shift: float = 1.0

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """See Learner."""
        return {name: self.model.parts()[name] for name in ("unet", "text", "vision", "resampler")}

    @property
    def origin(self) -> Mapping[str, str]:
        """See Learner."""
        return {"seed": str(self.seed), "vae": self.latents.vae_digest}

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """See Learner."""
        generator = sample_generator(self.seed, step, 11)
        draws = joined_draws([self._draws(generator) for _ in range(self.batch)])
        chosen = [int(x * len(self.clips)) for x in torch.rand(self.batch, generator=generator).tolist()]
        batch = self._batch(self.clips, self.latents, chosen, draws, dropping=True)
        return training_step(self.model, batch, draws, RULES).loss, {}

    def validate(self, step: int, folder: Path) -> dict[str, float]:
        """See Learner: the loss at fixed timesteps with fixed draws, and a sheet of true clips above sampled ones."""
        self.clips.look_again()
        with torch.no_grad():
            losses = {f"loss_{t}": self._fixed_loss(t) for t in TIMESTEPS}
            sheet = contact_sheet([self._sampled(clip) for clip in self._measured[:SAMPLED]])
        sheet.save(folder / "samples.png")
        return losses | {"validation": sum(losses.values()) / len(losses)}

    def _fixed_loss(self, timestep: int) -> float:
        total = 0.0
        for start in range(0, len(self._measured), self.batch):
            chosen = self._measured[start : start + self.batch]
            generator = sample_generator(self.seed, timestep, start, 12)
            draws = joined_draws([self._draws(generator) for _ in chosen])
            draws = replace(draws, timestep=torch.full_like(draws.timestep, timestep))
            batch = self._batch(self.validation, self.validation_latents, chosen, draws, dropping=False)
            total += float(training_step(self.model, batch, draws, RULES).loss_per_sample.sum())
        return total / len(self._measured)

    def _sampled(self, clip: int) -> tuple[UInt8, UInt8]:
        generator = sample_generator(self.seed, clip, 13)
        draws = replace(self._draws(generator), reference=torch.zeros(1, dtype=torch.int64))
        batch = self._batch(self.validation, self.validation_latents, [clip], draws, dropping=False)
        empty = self._tokens([""], torch.zeros((1, 3, *PIXELS)))
        concat = concat_latents(batch.latents, 0)
        conditions = bind(self.model, concat, batch.context, empty, None, SPEED)
        plan = ddim_plan(noise_schedule(NANO.schedule), SAMPLE_STEPS, eta=0.0)
        config = SamplerConfig(NANO.schedule.prediction, GuidanceConfig(scale=2.0, rescale=0.7))
        made = sample(BoundDenoiser(self.model.unet, conditions), plan, config, tuple(concat.shape), SeededNoise(clip))
        pictures = self.validation.pictures([(clip, frame) for frame in range(0, FRAMES, 3)])
        return to_frames(pictures.transpose(0, 1)[None]), to_frames(self.model.vae.decode(made)[:, :, ::3])

    def _batch(
        self, clips: WorldClips, latents: LatentCache, chosen: list[int], draws: StepDraws, dropping: bool
    ) -> TrainingBatch:
        clean = torch.stack([latents.latent(clips, clip, noise) for clip, noise in zip(
            chosen, draws.posterior.unflatten(0, (len(chosen), -1)), strict=True
        )])  # fmt: skip
        pictures = clips.pictures(list(zip(chosen, draws.reference.tolist(), strict=True)))
        words = [clips.caption(clip) for clip in chosen]
        if dropping:
            text_dropped, picture_dropped = dropped(draws.dropout)
            words = ["" if gone else word for gone, word in zip(text_dropped.tolist(), words, strict=True)]
            pictures = pictures * ~picture_dropped[:, None, None, None]
        speed = torch.full((len(chosen),), SPEED)
        return TrainingBatch(clean, self._tokens(words, pictures), speed, no_cameras(len(chosen)))

    def _tokens(self, words: list[str], pictures: Tensor) -> Tensor:
        return context_tokens(self.model, torch.cat([self.model.tokenizer(w).ids for w in words]), pictures)

    def _draws(self, generator: torch.Generator) -> StepDraws:
        return draw_step(generator, self.model.config, FRAMES, LATENT_SIZE, self.mix, self.timestep_shift)

    @cached_property
    def _measured(self) -> list[int]:
        chosen = torch.randperm(len(self.validation), generator=sample_generator(self.seed, 14))
        return chosen[:VALIDATED].tolist()


def no_cameras(count: int) -> CameraPaths:
    """Cameras that stand still, for a step that does not look at them."""
    still = torch.eye(4).expand(count, FRAMES, 4, 4)
    return CameraPaths(still, still[..., :3, :3], torch.ones(count, FRAMES))
