"""The random numbers of one training step, drawn in the published order or given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .order import sample_seed

if TYPE_CHECKING:
    from server.model.config import ModelConfig
    from server.model.sampling.conditions import ConcatStyle

STYLES: tuple[ConcatStyle, ...] = ("repeat", "ends", "repeat_to_end", "continue")
"""What `StepDraws.style` counts."""

BASIC: Mapping[ConcatStyle, float] = {"repeat": 1.0}
"""The published mix: every sample has the condition frame's latent beside every frame."""


@dataclass(frozen=True, eq=False)
class StepDraws:
    """The draws of a batch, in the order the published step takes them; `style` is ours.

    Attributes:
        posterior: standard normal [B T, 4, h, w], picks the clean latents of the VAE's posterior.
        dropout: uniform in [0, 1), [B] float32: which conditions are dropped.
        reference: [B] int64, the condition frame.
        perturbation: standard normal [B, T, T, 3], directions of baselines that are zero.
        timestep: [B] int64.
        noise: standard normal [B, 4, T, h, w].
        style: [B] int64, index into STYLES.
    """

    posterior: Tensor
    dropout: Tensor
    reference: Tensor
    perturbation: Tensor
    timestep: Tensor
    noise: Tensor
    style: Tensor

    def to(self, device: torch.device | str) -> StepDraws:
        """The same on another device."""
        return StepDraws(*(getattr(self, field.name).to(device) for field in fields(self)))


def draw_step(
    generator: torch.Generator,
    config: ModelConfig,
    frames: int,
    latent_size: tuple[int, int],
    mix: Mapping[ConcatStyle, float] = BASIC,
    timestep_shift: float = 1.0,
    first: bool = False,
) -> StepDraws:
    """The draws of one sample, a batch of one.

    Args:
        generator: on the CPU; with the basic mix alone nothing is drawn of it that the published step does not draw.
        config: of the variant.
        frames: T.
        latent_size: (height, width) of a latent.
        mix: share of each concat style, summing to 1.
        timestep_shift: see `shifted`; 1 draws all timesteps alike, as published.
        first: the condition frame is the first one, but for a sample that continues given frames; published: any.
    """
    channels = config.vae.latent_channels
    height, width = latent_size
    posterior = torch.randn((frames, channels, height, width), generator=generator)
    dropout = torch.rand(1, generator=generator)
    reference = torch.randint(0, frames, (1,), generator=generator)
    perturbation = torch.randn((1, frames, frames, 3), generator=generator)
    timestep = shifted(torch.randint(0, config.schedule.steps, (1,), generator=generator), config, timestep_shift)
    noise = torch.randn((1, channels, frames, height, width), generator=generator)
    style = torch.zeros(1, dtype=torch.int64)
    if set(mix) != {"repeat"}:
        shares = torch.tensor([mix.get(name, 0.0) for name in STYLES])
        style = torch.multinomial(shares, 1, generator=generator)
    if first:
        reference = reference * (style == STYLES.index("continue"))
    return StepDraws(posterior, dropout, reference, perturbation, timestep, noise, style)


def shifted(timestep: Tensor, config: ModelConfig, shift: float) -> Tensor:
    """Timesteps moved towards noise: t -> s t / (1 + (s - 1) t), t in (0, 1), as flow-matching models' schedules are.

    Args:
        timestep: int64.
        config: of the variant.
        shift: s; 1 moves none, 4 puts half of the timesteps above 0.8.
    """
    if shift == 1.0:
        return timestep
    steps = config.schedule.steps
    t = (timestep.double() + 0.5) / steps
    return (shift * t / (1.0 + (shift - 1.0) * t) * steps).long()


def joined_draws(samples: Sequence[StepDraws]) -> StepDraws:
    """The draws of several batches as those of one."""
    return StepDraws(*(torch.cat([getattr(s, field.name) for s in samples]) for field in fields(StepDraws)))


def sample_generator(*place: int) -> torch.Generator:
    """A generator that depends on nothing but these numbers: the seed, the epoch, the sample's index, and so on."""
    return torch.Generator().manual_seed(sample_seed(*place))
