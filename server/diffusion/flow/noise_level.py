"""Noise levels of flow matching, where a noisy latent is (1 - s) clean + s noise, and what they are elsewhere."""

from __future__ import annotations

from server.diffusion.schedule import NoiseSchedule


def level_of_timestep(schedule: NoiseSchedule, timestep: int) -> float:
    """The level s with the signal-to-noise ratio that a diffusion schedule has at a timestep.

    Args:
        schedule: of the diffusion model. Its dynamic rescale of clean latents is left out, as the published code leaves
            it out when it lays the preview over them.
        timestep: of training, 0 to len(schedule) - 1.
    """
    clean = float(schedule.alphas_cumprod[timestep])
    signal, noise = clean**0.5, (1.0 - clean) ** 0.5
    return noise / (signal + noise)


def level_of_step(index: int, steps: int, shift: float, train_steps: int = 1000) -> float:
    """The level s at which a step begins, as diffusers' UniPC with flow sigmas spreads them.

    Args:
        index: of the step, from 0.
        steps: all of them.
        shift: of the schedule, above 1 to spend more steps at high noise.
        train_steps: of the model.
    """
    even = 1.0 - (1.0 - 1.0 / train_steps) * index / steps
    return shift * even / (1.0 + (shift - 1.0) * even)
