"""The sampling loop, from noise to a clean latent, for any denoising network."""

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
"""Which conditions the network is given: all, neither prompt nor picture, all but the camera, all but the prompt."""


class Denoiser(Protocol):
    """The network with its conditions bound."""

    def __call__(self, latent: Tensor, timestep: int, branches: Sequence[Branch]) -> Sequence[Tensor]:
        """The network's outputs for the branches asked for.

        Args:
            latent: noisy, [B, C, T, H, W] float32.
            timestep: of the training schedule.
            branches: the outputs that are wanted.

        Returns:
            One tensor like `latent` for each branch, in order.
        """
        ...


class Constraint(Protocol):
    """Something that is known of the result (see shaping.py)."""

    def shape_noisy(self, plan: DdimPlan, timestep: int, latent: Tensor, draw: Draw) -> Tensor:
        """The latent that the network is given at this timestep.

        Args:
            plan: the sampling plan.
            timestep: of the training schedule.
            latent: [B, C, T, H, W].
            draw: gives fresh noise.
        """
        ...

    def shape_clean(self, plan: DdimPlan, index: int, clean: Tensor) -> Tensor:
        """The clean latent that step `index` of the plan goes on with.

        Args:
            plan: the sampling plan.
            index: of the step in the plan.
            clean: as predicted, [B, C, T, H, W].
        """
        ...

    def finish(self, plan: DdimPlan, latent: Tensor) -> Tensor:
        """The latent after the last step."""
        ...


@dataclass(frozen=True, eq=False)
class SamplerState:
    """Where sampling stands; with the draws that follow, all that is needed to go on.

    Attributes:
        done: steps taken.
        latent: [B, C, T, H, W], still noisy.
        differences: what `lossy_guidance_every` keeps: the conditional output minus the branch's, by branch.
    """

    done: int
    latent: Tensor
    differences: Mapping[Branch, Tensor] = field(default_factory=dict)


StepDone = Callable[[SamplerState, Tensor], Tensor | None]
"""Called after each step with where sampling stands and the clean latent [B, C, T, H, W] as predicted there. A latent
that it returns is gone on with in place of the state's.
"""


@dataclass(frozen=True)
class SamplerConfig:
    """How a latent is sampled.

    Attributes:
        prediction: what the network puts out.
        guidance: how its outputs become one.
        restore_scale: undo what is left of the dynamic rescale at the end (the published code leaves it: at 25 steps,
            latents 3 % too small).
        lossy_guidance_every: ask for the branches besides the conditional one only every n-th step, and take their
            difference from it as unchanged in between. Above 1 the result differs: nearly twice as fast, not exact.
    """

    prediction: Prediction
    guidance: GuidanceConfig
    restore_scale: bool = True
    lossy_guidance_every: int = 1


class SeededNoise:
    """Standard normal draws from one seed, made on the CPU so that a seed means the same on every device.

    Args:
        seed: of the generator; or a generator, whose next numbers these are: `torch.Generator().manual_seed(seed)` is
            the same as the seed.
        device: where the draws are put.
    """

    def __init__(self, seed: int | torch.Generator, device: torch.device | str = "cpu") -> None:
        own = not isinstance(seed, torch.Generator)
        self._generator: torch.Generator = torch.Generator().manual_seed(seed) if own else seed
        self._device = torch.device(device)

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        """The next draw, float32 on the device."""
        generator = self._generator
        return torch.randn(shape, generator=generator, device=generator.device).to(self._device)

    @property
    def state(self) -> Tensor:
        """[n] uint8, the generator's state: where the draws stand."""
        return self._generator.get_state()

    def load_state(self, state: Tensor) -> None:
        """Set the generator's state, so that the next draws are those that followed it."""
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
    """The clean latent that the network makes of noise.

    Noise is drawn in this order: the start; for each step, one draw for each constraint that re-noises, then the step's
    noise (always, also at eta 0).

    Args:
        denoise: the network with its conditions.
        plan: the steps.
        config: prediction, guidance and what is undone at the end.
        shape: [B, C, T, H, W] of the latent.
        draw: gives standard normal noise.
        constraints: applied in order, before and after each step and at the end.
        on_step: called after each step, see StepDone; what it raises ends the sampling.
        start: go on from there; the draws must stand where they stood then. None starts from fresh noise.

    Returns:
        [B, C, T, H, W] float32.
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
        changed = on_step(SamplerState(done, latent, ask.differences), predicted.clean)
        latent = latent if changed is None else changed
    if config.restore_scale:
        latent = latent / float(plan.scale_prev[0])
    for constraint in constraints:
        latent = constraint.finish(plan, latent)
    return latent.contiguous()


class _Outputs:
    """The network's outputs by branch; between the steps at which all are computed, kept differences stand in.

    Args:
        denoise: the network.
        branches: those that guidance needs, the conditional one first.
        every: compute all of them every so many steps.
        differences: conditional output minus the branch's, from an earlier step.
    """

    def __init__(
        self, denoise: Denoiser, branches: tuple[Branch, ...], every: int, differences: Mapping[Branch, Tensor]
    ) -> None:
        self._denoise, self._branches, self._every = denoise, branches, every
        self.differences = differences

    def __call__(self, latent: Tensor, timestep: int, step_number: int) -> dict[Branch, Tensor]:
        """The outputs at one step.

        Args:
            latent: noisy.
            timestep: of the training schedule.
            step_number: counted from 1.
        """
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
