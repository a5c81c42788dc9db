"""What a network is trained on: latents noised to a timestep, and what it shall put out for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.arrays import Float64

from .ddim import Prediction
from .schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class NoisingTables:
    """The schedule's coefficients at each training timestep, [steps] float32.

    Attributes:
        signal: of the clean latent.
        noise: of the noise.
        scale: factor on clean latents before they are noised.
    """

    signal: Tensor
    noise: Tensor
    scale: Tensor


def noising_tables(
    schedule: NoiseSchedule, half_precision: bool = False, device: torch.device | str = "cpu"
) -> NoisingTables:
    """The coefficients of a schedule.

    Args:
        schedule: of the network.
        half_precision: round them to float16, as the published training does by casting the whole module.
        device: where they are wanted.
    """

    def table(values: Float64) -> Tensor:
        single = values.astype(np.float32)
        rounded = single.astype(np.float16).astype(np.float32) if half_precision else single
        return torch.from_numpy(rounded).to(device)

    abar = schedule.alphas_cumprod
    return NoisingTables(table(np.sqrt(abar)), table(np.sqrt(1.0 - abar)), table(schedule.latent_scale))


@dataclass(frozen=True, eq=False)
class Noised:
    """Latents at the timesteps they were noised to, [B, C, T, H, W] float32.

    Attributes:
        start: the clean latents on the scale of their timestep.
        latent: what the network is given.
        target: what it shall put out.
    """

    start: Tensor
    latent: Tensor
    target: Tensor


def noised(tables: NoisingTables, prediction: Prediction, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Noised:
    """Latents noised to a timestep for each sample, all frames alike.

    Args:
        tables: of the schedule.
        prediction: what the network puts out: the noise, or the velocity.
        latents: clean ones, [B, C, T, H, W].
        noise: standard normal, of the same shape.
        timesteps: [B] integers.
    """
    latents, noise = latents.float(), noise.float()
    signal, spread, scale = (
        table[timesteps].view(-1, *(1,) * (latents.ndim - 1)) for table in (tables.signal, tables.noise, tables.scale)
    )
    start = latents * scale
    target = noise if prediction == "eps" else signal * noise - spread * start
    return Noised(start, signal * start + spread * noise, target)
