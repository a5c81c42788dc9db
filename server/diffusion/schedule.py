"""The noise schedule of a latent diffusion model, in float64.

diffusers' DDIMScheduler is the same sampler to float32 for an eps model when the number of steps divides 1000. It is
not otherwise: it takes the timestep before by integer division (30 steps: off by 1 %), gives NaN at the first step of a
zero-terminal-SNR schedule with eta 1, knows no dynamic rescale, and steps to -1 for some counts. The 512 weights need
all of these, so ddim.py is ours. Held by tests/server/diffusion/test_diffusers_agreement.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from blender_addon.core.arrays import Float64


@dataclass(frozen=True)
class ScheduleConfig:
    """The noise schedule of a model.

    Attributes:
        steps: number of training timesteps.
        linear_start: the first beta.
        linear_end: the last beta; the square roots grow linearly between the two.
        zero_terminal_snr: whether the last timestep holds no signal at all.
        prediction: what the network puts out: noise or velocity.
        base_scale: factor on clean latents at high noise; below 1 it shrinks them (dynamic rescale of the 512 weights).
        scale_ramp: timesteps over which that factor falls from 1 to `base_scale`.
    """

    steps: int = 1000
    linear_start: float = 0.00085
    linear_end: float = 0.012
    zero_terminal_snr: bool = False
    prediction: Literal["eps", "v"] = "eps"
    base_scale: float = 1.0
    scale_ramp: int = 400


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The schedule's values at each training timestep.

    Attributes:
        betas: [steps] float64.
        alphas_cumprod: [steps] float64, cumulative product of 1 - beta.
        latent_scale: [steps] float64, factor on clean latents.
    """

    betas: Float64
    alphas_cumprod: Float64
    latent_scale: Float64

    def __len__(self) -> int:
        """Number of training timesteps."""
        return len(self.betas)


def noise_schedule(config: ScheduleConfig) -> NoiseSchedule:
    """The schedule that `config` describes."""
    betas = np.linspace(config.linear_start**0.5, config.linear_end**0.5, config.steps, dtype=np.float64) ** 2
    if config.zero_terminal_snr:
        betas = zero_terminal_snr(betas)
    return NoiseSchedule(
        betas=betas,
        alphas_cumprod=np.asarray(np.cumprod(1.0 - betas), dtype=np.float64),
        latent_scale=dynamic_rescale(config.steps, config.base_scale, config.scale_ramp),
    )


def zero_terminal_snr(betas: Float64) -> Float64:
    """The betas shifted and scaled so that the last timestep holds no signal at all (Lin et al. 2023, algorithm 1)."""
    signal = np.sqrt(np.cumprod(1.0 - betas))
    first, last = signal[0], signal[-1]
    signal = (signal - last) * first / (first - last)
    alphas_cumprod = signal**2
    alphas = np.concatenate([alphas_cumprod[:1], alphas_cumprod[1:] / alphas_cumprod[:-1]])
    return np.asarray(1.0 - alphas, dtype=np.float64)


def dynamic_rescale(steps: int, base_scale: float, ramp: int) -> Float64:
    """The factor on clean latents at each timestep: it falls linearly from 1 to a constant.

    Args:
        steps: number of training timesteps.
        base_scale: the constant.
        ramp: timesteps over which the factor falls.

    Returns:
        [steps] float64.
    """
    return np.concatenate([np.linspace(1.0, base_scale, ramp), np.full(steps, base_scale)])[:steps]


def in_half_precision(schedule: NoiseSchedule, config: ScheduleConfig) -> NoiseSchedule:
    """The schedule that the published demo runs with: it rounds every buffer of the model to float16.

    A zero-terminal-SNR schedule is registered anew afterwards, in float32; only the latents' scale stays rounded.

    Args:
        schedule: the exact one.
        config: what it was made of.
    """
    abar = schedule.alphas_cumprod
    return NoiseSchedule(
        betas=schedule.betas,
        alphas_cumprod=abar if config.zero_terminal_snr else abar.astype(np.float16).astype(np.float64),
        latent_scale=schedule.latent_scale.astype(np.float16).astype(np.float64),
    )
