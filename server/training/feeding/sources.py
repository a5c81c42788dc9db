"""The sample at a position of the training, decided by the seed and the data set alone, in whatever process."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blender_addon.core.errors import RealCamError
from server.model.config import LATENT_DOWNSAMPLE, ModelConfig
from server.training.correspondence.seen_points import with_points
from server.training.data.posed_clips import PosedClips, TrainingClip
from server.training.data.samples import Sample, clip_sample
from server.training.draws import StepDraws, draw_step, sample_generator
from server.training.order import SampleOrder, sample_seed

if TYPE_CHECKING:
    from server.model.sampling.conditions import ConcatStyle

MOST_BROKEN = 8
"""Clips that are tried for one sample."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is at a position.

    Attributes:
        sample: None where no clip that was tried can be decoded.
        draws: of the step.
        broken: clips that were tried and cannot be decoded, and why.
    """

    sample: Sample | None
    draws: StepDraws
    broken: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class SampleSource:
    """Makes samples; it can be sent to another process.

    Attributes:
        clips: the data set.
        config: of the variant.
        size: (width, height) of a frame, pixels.
        stride: smallest and largest frame stride.
        seed: of everything random.
        mix: share of each form of the latents beside the noise.
        published: see `cropped_intrinsics`.
        frames: of a sample.
        timestep_shift: see `draw_step`.
        first: see `draw_step`.
        points: whether samples say where in the condition frame their points lie.
    """

    clips: PosedClips
    config: ModelConfig
    size: tuple[int, int]
    stride: tuple[int, int]
    seed: int
    mix: Mapping[ConcatStyle, float]
    published: bool
    frames: int
    timestep_shift: float = 1.0
    first: bool = False
    points: bool = False

    def __call__(self, position: int) -> Drawn:
        """What is at a position: of the clip whose turn it is, or, where that is broken, of one drawn in its place."""
        epoch, index = SampleOrder(len(self.clips), self.seed).place(position)
        latent_size = (self.size[1] // LATENT_DOWNSAMPLE, self.size[0] // LATENT_DOWNSAMPLE)
        generator = sample_generator(self.seed, epoch, index)
        draws = draw_step(generator, self.config, self.frames, latent_size, self.mix, self.timestep_shift, self.first)
        broken: dict[str, str] = {}
        for attempt in range(MOST_BROKEN):
            chooser = random.Random(sample_seed(self.seed, epoch, index, *([attempt] if attempt else [])))
            clip = self.clips[chooser.randrange(len(self.clips)) if attempt else index]
            try:
                return Drawn(self._sample(clip, chooser, int(draws.reference)), draws, broken)
            except RealCamError as error:
                broken[clip.name] = error.sentence
        return Drawn(None, draws, broken)

    def _sample(self, clip: TrainingClip, chooser: random.Random, reference: int) -> Sample:
        sample = clip_sample(clip, self.size, self.stride, chooser, self.frames, self.published)
        return with_points(sample, clip, reference, min(self.config.unet.mask_cells)) if self.points else sample
