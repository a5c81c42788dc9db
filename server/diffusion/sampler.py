"""The sampling loop: noise to a clean latent, knowing nothing of the network that denoises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor

from .ddim import DdimPlan, Prediction, predict, step
from .guidance import GuidanceConfig, guide
from .shaping import Draw

Branch = Literal["conditional", "unconditional", "no_camera", "image_only"]


class Denoiser(Protocol):
    """The network with its conditions bound. Gives one output like `latent` for each branch asked for, in order."""

    def __call__(self, latent: Tensor, timestep: int, branches: Sequence[Branch]) -> Sequence[Tensor]: ...


class Constraint(Protocol):
    """Something known of the result (see shaping.py)."""

    def shape_noisy(self, plan: DdimPlan, timestep: int, latent: Tensor, draw: Draw) -> Tensor: ...
    def shape_clean(self, plan: DdimPlan, index: int, clean: Tensor) -> Tensor: ...
    def finish(self, plan: DdimPlan, latent: Tensor) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class SamplerState:
    """Where sampling stands after `done` steps; with the draws that follow, all that is needed to go on.

    latent [B, C, T, H, W]: still noisy. differences: what lossy guidance keeps, by branch.
    """

    done: int
    latent: Tensor
    differences: Mapping[Branch, Tensor] = field(default_factory=dict)


StepDone = Callable[[SamplerState, Tensor], None]
"""Called after each step with where sampling stands and the clean latent as predicted there."""


@dataclass(frozen=True)
class SamplerConfig:
    """prediction: what the network puts out. restore_scale: undo what is left of the dynamic rescale at the end
    (the published code leaves it: at 25 steps, latents 3 % too small).

    lossy_guidance_every: ask for the branches besides the conditional one only every n-th step, and take their
    difference from it as unchanged in between. Above 1 the result is another one: near twice as fast, not exact.
    """

    prediction: Prediction
    guidance: GuidanceConfig
    restore_scale: bool = True
    lossy_guidance_every: int = 1


class SeededNoise:
    """Standard normal draws from one seed, made on the CPU so that a seed means the same on every device."""

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._device = torch.device(device)

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator).to(self._device)

    @property
    def state(self) -> Tensor:
        """[n] uint8: where the draws stand."""
        return self._generator.get_state()

    def load_state(self, state: Tensor) -> None:
        """The next draws are those that followed this state."""
        self._generator.set_state(state)


def sample(
    denoise: Denoiser,
    plan: DdimPlan,
    config: SamplerConfig,
    shape: tuple[int, ...],
    draw: Draw,
    constraints: Sequence[Constraint] = (),
    on_step: StepDone = lambda state, clean: None,
    start: SamplerState | None = None,
) -> Tensor:
    """The clean latent [B, C, T, H, W] of `shape`, float32.

    Draws in this order: the start; for each step, one for each constraint that re-noises, then the step's noise
    (always, also at eta 0). start: go on from there; the draws must stand where they stood then.
    """
    state = start or SamplerState(0, draw(shape))
    ask = _Outputs(denoise, branches_of(config.guidance), config.lossy_guidance_every, state.differences)
    latent = state.latent
    for index in reversed(range(len(plan) - state.done)):
        done = len(plan) - index
        timestep = int(plan.timesteps[index])
        for constraint in constraints:
            latent = constraint.shape_noisy(plan, timestep, latent, draw)
        outputs = ask(latent, timestep, done)
        output = guide(
            config.guidance,
            timestep,
            outputs["conditional"],
            outputs.get("unconditional"),
            outputs.get("no_camera"),
            outputs.get("image_only"),
            len(plan.alphas_cumprod),
        )
        predicted = predict(plan, index, latent, output, config.prediction)
        for constraint in constraints:
            predicted = type(predicted)(constraint.shape_clean(plan, index, predicted.clean), predicted.noise)
        # Contiguous, as it is when read back: sums over other strides differ in the last bit.
        latent = step(plan, index, predicted, draw(shape)).contiguous()
        on_step(SamplerState(done, latent, ask.differences), predicted.clean)
    if config.restore_scale:
        latent = latent / float(plan.scale_prev[0])
    for constraint in constraints:
        latent = constraint.finish(plan, latent)
    return latent.contiguous()


class _Outputs:
    """The network's outputs by branch; between the steps at which all are computed, kept differences stand in."""

    def __init__(
        self, denoise: Denoiser, branches: tuple[Branch, ...], every: int, differences: Mapping[Branch, Tensor]
    ) -> None:
        self._denoise, self._branches, self._every = denoise, branches, every
        self.differences = differences

    def __call__(self, latent: Tensor, timestep: int, step_number: int) -> dict[Branch, Tensor]:
        if self.differences and (step_number - 1) % self._every != 0:
            (conditional,) = self._denoise(latent, timestep, self._branches[:1])
            others = {branch: conditional - difference for branch, difference in self.differences.items()}
            return {"conditional": conditional, **others}
        outputs = dict(zip(self._branches, self._denoise(latent, timestep, self._branches), strict=True))
        if self._every > 1:
            conditional = outputs["conditional"]
            self.differences = {b: (conditional - outputs[b]).contiguous() for b in self._branches[1:]}
        return outputs


def branches_of(guidance: GuidanceConfig) -> tuple[Branch, ...]:
    """The network outputs that this guidance needs, in the order they are asked for."""
    branches: list[Branch] = ["conditional"]
    if guidance.uses_unconditional:
        branches.append("unconditional")
    if guidance.uses_no_camera:
        branches.append("no_camera")
    if guidance.uses_image_only:
        branches.append("image_only")
    return tuple(branches)
