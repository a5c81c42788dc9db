"""Constraints on sampling: the scene's preview in the first steps, whole frames throughout.

The published code replaces the noisy latent with a freshly noised preview while the timestep is high ("noisy"). The
paper's formula replaces the predicted clean latent instead ("clean"), so the noise that the sampler carries along
stays its own. "noisy" is the default: as published (eta 1, timestep 900) the two differ little, and it is the one
that stays likely at every eta and threshold; "clean" holds tighter (tests/server/diffusion/test_shaping_styles.py).
Latents are [B, C, T, H, W].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from .ddim import DdimPlan, add_noise

ShapingStyle = Literal["noisy", "clean"]
Draw = Callable[[tuple[int, ...]], Tensor]
"""Function of a shape that returns standard normal noise, the next in the order of draws."""


@dataclass(frozen=True)
class Threshold:
    """Down to where the preview is held.

    Attributes:
        value: shape while the timestep, or the noise level, is at least this.
        unit: "timestep" of the training schedule, or "noise": the noise level sqrt(1 - alphas_cumprod), 0 to 1.
    """

    value: float
    unit: Literal["timestep", "noise"] = "timestep"

    def active(self, plan: DdimPlan, timestep: int) -> bool:
        """Whether the preview is held at this timestep."""
        level = timestep if self.unit == "timestep" else (1.0 - float(plan.alphas_cumprod[timestep])) ** 0.5
        return level >= self.value


@dataclass(frozen=True, eq=False)
class SceneShaping:
    """Holds the latent to the scene's preview while the noise is high. A `Constraint` of the sampler.

    Attributes:
        latents: the preview's, [B, C, T, H, W].
        mask: where the preview holds, 0 or 1, [B, C, T, H, W].
        threshold: down to where it is held.
        style: what is replaced, see the module's docstring.
        follow_scale: put the preview on the scale that dynamically rescaled weights expect at each timestep. The
            published code does not.
    """

    latents: Tensor
    mask: Tensor
    threshold: Threshold
    style: ShapingStyle = "noisy"
    follow_scale: bool = True

    def shape_noisy(self, plan: DdimPlan, timestep: int, latent: Tensor, draw: Draw) -> Tensor:
        """The latent before the network's step: in the style "noisy", the noised preview where the mask is 1."""
        if self.style != "noisy" or not self.threshold.active(plan, timestep):
            return latent
        clean = self.latents * float(plan.latent_scale[timestep]) if self.follow_scale else self.latents
        noised = add_noise(plan, timestep, clean, draw(tuple(self.latents.shape)))
        return noised * self.mask + (1.0 - self.mask) * latent

    def shape_clean(self, plan: DdimPlan, index: int, clean: Tensor) -> Tensor:
        """The predicted clean latent: in the style "clean", the preview where the mask is 1."""
        if self.style != "clean" or not self.threshold.active(plan, int(plan.timesteps[index])):
            return clean
        known = self.latents * float(plan.scale_prev[index]) if self.follow_scale else self.latents
        return self.mask * known + (1.0 - self.mask) * clean

    def finish(self, plan: DdimPlan, latent: Tensor) -> Tensor:
        """The latent after the last step: in the style "clean", without noise where the preview was held to the end."""
        if self.style != "clean" or not self.threshold.active(plan, int(plan.timesteps[0])):
            return latent
        return self.mask * self.latents + (1.0 - self.mask) * latent


@dataclass(frozen=True, eq=False)
class FixedLatents:
    """Holds whole frames that are given. A `Constraint` of the sampler.

    The frames are put into each clean prediction and into the result.

    Attributes:
        latents: [B, C, T, H, W].
        frames: indices along T of the frames that are given.
        renoise: also replace the noisy latent before each step, so that the other frames see the given ones.
        follow_scale: see SceneShaping.
    """

    latents: Tensor
    frames: tuple[int, ...]
    renoise: bool = True
    follow_scale: bool = True

    @property
    def _index(self) -> Tensor:
        return torch.tensor(self.frames, device=self.latents.device)

    @property
    def known(self) -> Tensor:
        """[B, C, n, H, W], the latents of the given frames."""
        return self.latents.index_select(2, self._index)

    def shape_noisy(self, plan: DdimPlan, timestep: int, latent: Tensor, draw: Draw) -> Tensor:
        """The latent before the network's step, with the given frames noised to the timestep if `renoise` is set."""
        if not self.renoise:
            return latent
        known = self.known
        clean = known * float(plan.latent_scale[timestep]) if self.follow_scale else known
        return latent.index_copy(2, self._index, add_noise(plan, timestep, clean, draw(tuple(known.shape))))

    def shape_clean(self, plan: DdimPlan, index: int, clean: Tensor) -> Tensor:
        """The predicted clean latent after the network's step, with the given frames put in."""
        known = self.known * float(plan.scale_prev[index]) if self.follow_scale else self.known
        return clean.index_copy(2, self._index, known)

    def finish(self, plan: DdimPlan, latent: Tensor) -> Tensor:
        """The latent after the last step, with the given frames put in."""
        del plan
        return latent.index_copy(2, self._index, self.known)
