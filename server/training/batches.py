"""Positions of a training to batches: which clip, which of its frames, what the network sees of them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from server.model.config import LATENT_DOWNSAMPLE
from server.model.model import RealCamModel
from server.model.sampling.conditions import ConcatStyle

from .camera import CameraPaths
from .conditions import Pictures, encoded, speed_value
from .data.posed_clips import PosedClips
from .data.samples import Sample, clip_sample
from .draws import StepDraws, draw_step, joined_draws, sample_generator
from .loop import NamedBatch
from .order import SampleOrder


@dataclass(frozen=True, eq=False)
class ClipBatches:
    """Batches of a data set, the same ones for the same positions; a `BatchOf` of the loop.

    Attributes:
        model: encodes pictures and words.
        clips: the data set.
        size: (width, height) of a frame, pixels.
        stride: smallest and largest frame stride.
        seed: of everything random.
        mix: share of each form of the latents beside the noise.
        condition_dropout: see `dropped`.
        published: see `cropped_intrinsics`.
        frames: of a sample.
    """

    model: RealCamModel
    clips: PosedClips
    size: tuple[int, int]
    stride: tuple[int, int]
    seed: int
    mix: Mapping[ConcatStyle, float]
    condition_dropout: float
    published: bool
    frames: int

    def __call__(self, positions: range) -> NamedBatch:
        """The samples at these positions."""
        samples, draws = zip(*(self._sample(position) for position in positions), strict=True)
        joined = joined_draws(draws).to(self.model.device)
        batch = encoded(self.model, pictures_of(self.model, samples), joined, self.condition_dropout)
        return NamedBatch(tuple(s.clip for s in samples), batch, joined)

    def _sample(self, position: int) -> tuple[Sample, StepDraws]:
        epoch, index = SampleOrder(len(self.clips), self.seed).place(position)
        generator = sample_generator(self.seed, epoch, index)
        chooser = random.Random(generator.initial_seed())
        sample = clip_sample(self.clips[index], self.size, self.stride, chooser, self.frames, self.published)
        latent_size = (self.size[1] // LATENT_DOWNSAMPLE, self.size[0] // LATENT_DOWNSAMPLE)
        return sample, draw_step(generator, self.model.config, self.frames, latent_size, self.mix)


def pictures_of(model: RealCamModel, samples: Sequence[Sample]) -> Pictures:
    """Samples as one batch of pictures and words, on the model's device.

    Args:
        model: its tokenizer reads the captions.
        samples: of one size.
    """
    device, tokenizer = model.device, model.tokenizer
    speeds = [speed_value(model.config, s.choice.stride, s.fps) for s in samples]
    paths = [s.paths for s in samples]
    ids = [torch.as_tensor(tokenizer(s.caption).ids).reshape(-1) for s in samples]
    return Pictures(
        video=torch.stack([s.video for s in samples]).to(device),
        token_ids=torch.stack(ids).to(device),
        no_words=torch.as_tensor(tokenizer("").ids).reshape(-1).to(device),
        speed=torch.tensor(speeds, device=device),
        paths=CameraPaths(
            torch.cat([p.camera_to_world for p in paths]),
            torch.cat([p.intrinsics for p in paths]),
            torch.cat([p.frame_scales for p in paths]),
        ).to(device),
    )
