"""DDIM: the timesteps it visits, its coefficients, and one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .schedule import NoiseSchedule

Spacing = Literal["uniform_trailing", "uniform", "quad"]
"""How the visited timesteps are spread, see `ddim_timesteps`."""
Prediction = Literal["eps", "v"]
"""What the network puts out: the noise, or the velocity."""


def ddim_timesteps(
    count: int, train_steps: int = 1000, spacing: Spacing = "uniform_trailing", published_parity: bool = False
) -> NDArray[np.int64]:
    """The timesteps that sampling visits, ascending.

    Trailing ones end at the very last timestep, where sampling must start for the noise to be pure.

    "uniform" gives more steps than asked when `count` does not divide `train_steps`, as the published code does. That
    code also steps beyond the schedule for some counts (rounding puts -1 before trailing steps, as for 61; uniform ones
    reach train_steps, as for 27), which is left out here but for `published_parity`.

    Args:
        count: steps asked for.
        train_steps: length of the training schedule.
        spacing: "quad" is dense at low noise, and spans the first 80 % of the schedule.
        published_parity: keep timesteps outside the schedule.

    Returns:
        [N] int64, 0 to train_steps - 1.

    Raises:
        ValueError: `count` is not 1 to train_steps.
    """
    if not 1 <= count <= train_steps:
        raise ValueError(f"steps must be 1..{train_steps}, got {count}")
    if spacing == "uniform_trailing":
        timesteps = np.flip(np.round(np.arange(train_steps, 0, -train_steps / count))).astype(np.int64) - 1
    elif spacing == "uniform":
        timesteps = np.arange(0, train_steps, train_steps // count, dtype=np.int64) + 1
    else:
        timesteps = (np.linspace(0, np.sqrt(train_steps * 0.8), count) ** 2).astype(np.int64) + 1
    return timesteps if published_parity else timesteps[(timesteps >= 0) & (timesteps < train_steps)]


@dataclass(frozen=True, eq=False)
class DdimPlan:
    """Coefficients of each step, [N], ascending in timestep; sampling walks them from the last to the first.

    The cumulative products are rounded to float32, as a checkpoint's buffers are, and stored as float64.

    Attributes:
        timesteps: [N] int64.
        alphas: [N] float64, cumulative product of 1 - beta at each timestep.
        alphas_prev: [N] float64, the same at the timestep the step ends at.
        sigmas: [N] float64, standard deviation of the noise added in each step.
        scale: [N] float32, factor on clean latents at each timestep.
        scale_prev: [N] float32, the same at the timestep the step ends at; of the last step, at its own.
        alphas_cumprod: [train_steps] float32.
        latent_scale: [train_steps] float32, factor on clean latents.
    """

    timesteps: NDArray[np.int64]
    alphas: NDArray[np.float64]
    alphas_prev: NDArray[np.float64]
    sigmas: NDArray[np.float64]
    scale: NDArray[np.float32]
    scale_prev: NDArray[np.float32]
    alphas_cumprod: NDArray[np.float32]
    latent_scale: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.timesteps)


def ddim_plan(schedule: NoiseSchedule, count: int, eta: float, spacing: Spacing = "uniform_trailing") -> DdimPlan:
    """The coefficients of `count` steps.

    The last step ends at alphas_cumprod[0], not at 1: eta > 0 leaves a little noise.

    Args:
        schedule: the training schedule.
        count: steps asked for, see `ddim_timesteps`.
        eta: 0 (deterministic) to 1, how much fresh noise each step adds.
        spacing: see `ddim_timesteps`.

    Raises:
        ValueError: `count` is not 1 to the length of the schedule.
    """
    timesteps = ddim_timesteps(count, len(schedule), spacing)
    # Through float32, as a checkpoint's buffers are: what the weights were sampled with.
    abar = schedule.alphas_cumprod.astype(np.float32)
    alphas = abar[timesteps].astype(np.float64)
    alphas_prev = np.concatenate([abar[:1], abar[timesteps[:-1]]]).astype(np.float64)
    sigmas = eta * np.sqrt((1 - alphas_prev) / (1 - alphas) * (1 - alphas / alphas_prev))
    scale = schedule.latent_scale.astype(np.float32)[timesteps]
    return DdimPlan(
        timesteps=timesteps,
        alphas=alphas,
        alphas_prev=alphas_prev,
        sigmas=sigmas,
        scale=scale,
        scale_prev=np.concatenate([scale[:1], scale[:-1]]),
        alphas_cumprod=abar,
        latent_scale=schedule.latent_scale.astype(np.float32),
    )


@dataclass(frozen=True, eq=False)
class Predicted:
    """A network output read as a prediction; both tensors are shaped like the latent.

    Attributes:
        clean: the clean latent.
        noise: the noise in the latent.
    """

    clean: Tensor
    noise: Tensor


def predict(plan: DdimPlan, index: int, latent: Tensor, output: Tensor, prediction: Prediction) -> Predicted:
    """What a network output says of the clean latent and the noise.

    Args:
        plan: the sampling plan.
        index: of the step in the plan.
        latent: the noisy latent the network was given.
        output: what it put out, shaped like the latent.
        prediction: what that output means.

    Returns:
        The prediction; its clean latent is on the scale of the step that follows (`plan.scale_prev`).
    """
    alpha = float(np.float32(plan.alphas[index]))
    root, rest = _f32(alpha**0.5), _f32(np.sqrt(np.float32(1.0) - np.float32(alpha)))
    if prediction == "v":
        noise = root * output + rest * latent
        clean = root * latent - rest * output
    else:
        noise = output
        clean = (latent - rest * output) / root
    ratio = float(plan.scale_prev[index] / plan.scale[index])
    return Predicted(clean=clean if ratio == 1.0 else clean * ratio, noise=noise)


def step(plan: DdimPlan, index: int, predicted: Predicted, noise: Tensor) -> Tensor:
    """The latent after step `index`.

    Args:
        plan: the sampling plan.
        index: of the step in the plan.
        predicted: as `predict` gives it.
        noise: fresh standard normal noise, shaped like the latent.
    """
    return (
        _f32(np.sqrt(plan.alphas_prev[index])) * predicted.clean
        + direction_coefficient(plan, index) * predicted.noise
        + _f32(plan.sigmas[index]) * noise
    )


def direction_coefficient(plan: DdimPlan, index: int) -> float:
    """sqrt(1 - a_prev - sigma^2), in float32: at eta 1 the difference cancels and may fall below 0."""
    a_prev, sigma = np.float32(plan.alphas_prev[index]), np.float32(plan.sigmas[index])
    # Not sigma**2: NumPy 1 would make float64 of a float32 scalar and a Python int.
    rest = np.float32(1.0) - a_prev - sigma * sigma
    return float(np.sqrt(np.maximum(rest, np.float32(0.0))))


def add_noise(plan: DdimPlan, timestep: int, clean: Tensor, noise: Tensor) -> Tensor:
    """The clean latent as it looks at a timestep (q_sample).

    Args:
        plan: the sampling plan.
        timestep: of the training schedule.
        clean: the clean latent.
        noise: standard normal, shaped like the latent.
    """
    alpha = np.float32(plan.alphas_cumprod[timestep])
    return _f32(np.sqrt(alpha)) * clean + _f32(np.sqrt(np.float32(1.0) - alpha)) * noise


def _f32(value: float) -> float:
    """The value rounded to float32."""
    return float(np.float32(value))
