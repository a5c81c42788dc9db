"""The buffers that published checkpoints carry beside their weights, computed anew from a schedule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float64
from server.diffusion.schedule import NoiseSchedule, ScheduleConfig


def checkpoint_buffers(schedule: NoiseSchedule, config: ScheduleConfig) -> dict[str, NDArray[np.float32]]:
    """[steps] float32 each, by their published names."""
    betas, abar = schedule.betas, schedule.alphas_cumprod
    previous = np.append(1.0, abar[:-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = betas * (1.0 - previous) / (1.0 - abar)
        buffers = {
            "betas": betas,
            "alphas_cumprod": abar,
            "alphas_cumprod_prev": previous,
            "sqrt_alphas_cumprod": np.sqrt(abar),
            "sqrt_one_minus_alphas_cumprod": np.sqrt(1.0 - abar),
            "log_one_minus_alphas_cumprod": np.log(1.0 - abar),
            "sqrt_recip_alphas_cumprod": np.sqrt(1.0 / abar),
            "sqrt_recipm1_alphas_cumprod": np.sqrt(1.0 / abar - 1.0),
            "posterior_variance": variance,
            "posterior_log_variance_clipped": np.log(np.maximum(variance, 1e-20)),
            "posterior_mean_coef1": betas * np.sqrt(previous) / (1.0 - abar),
            "posterior_mean_coef2": (1.0 - previous) * np.sqrt(1.0 - betas) / (1.0 - abar),
        }
    buffers["lvlb_weights"] = _bound_weights(buffers)
    if config.prediction == "v":
        # A v-model never divides by abar, which may be 0: the published files hold zeros there, and even weights.
        buffers["sqrt_recip_alphas_cumprod"] = buffers["sqrt_recipm1_alphas_cumprod"] = np.zeros_like(abar)
        buffers["lvlb_weights"] = np.ones_like(abar)
    if config.base_scale != 1.0:
        tail = np.full(config.steps, config.base_scale)
        buffers["scale_arr"] = np.concatenate([np.linspace(1.0, config.base_scale, config.scale_ramp), tail])
    return {name: values.astype(np.float32) for name, values in buffers.items()}


def _bound_weights(buffers: dict[str, Float64]) -> Float64:
    """How much each timestep's error counts in the variational bound (training only). In float32, as published."""
    names = ("betas", "posterior_variance", "alphas_cumprod")
    betas, variance, abar = (buffers[name].astype(np.float32) for name in names)
    alphas = (1.0 - buffers["betas"]).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.asarray(betas**2 / (2 * variance * alphas * (1 - abar)), dtype=np.float64)
    # The first timestep has no variance.
    weights[0] = weights[1]
    return weights
