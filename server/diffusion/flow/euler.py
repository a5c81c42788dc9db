"""diffusers' Euler steps for flow matching, holding a scene and able to start in the middle."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteSchedulerOutput
from torch import Tensor

from .hold import SceneHold, laid_over
from .solver_state import SolverState, check_same_levels


class HeldEuler(FlowMatchEulerDiscreteScheduler):
    """Euler over flow sigmas. Without hold and start it is diffusers' own, to the bit.

    Made with `from_config` of the pipeline's scheduler, or with `in_place_of`.

    Attributes:
        hold: what is held, None for nothing.
        start: what a run begins from, None for its beginning. The pipeline must be given the latents of that moment.
        stands_for: the UniPC scheduler whose noise levels are visited. diffusers' own `set_timesteps` applies the shift
            to the lowest level twice, and visits other levels than UniPC with the same shift.
        clean: the clean latents predicted at the last step, laid out as `step` was given them; None before the first.
    """

    hold: SceneHold | None = None
    start: SolverState | None = None
    stands_for: UniPCMultistepScheduler | None = None
    clean: Tensor | None = None
    timesteps: Tensor

    @classmethod
    def in_place_of(cls, scheduler: UniPCMultistepScheduler) -> HeldEuler:
        """An Euler scheduler that visits the noise levels of a UniPC scheduler with flow sigmas."""
        made = cls(num_train_timesteps=scheduler.config.num_train_timesteps, shift=scheduler.config.flow_shift)
        made.stands_for = scheduler
        return made

    @property
    def state(self) -> SolverState:
        """Where the run stands after the last step."""
        return SolverState(done=self.step_index or 0, sigmas=self.sigmas)

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        sigmas: list[float] | None = None,
        mu: float | None = None,
        timesteps: list[float] | None = None,
    ) -> None:
        """Set the timesteps that remain.

        Args:
            num_inference_steps: of the whole run.
            device: of the timesteps.
            sigmas: noise levels in place of even ones.
            mu: see diffusers.
            timesteps: in place of even ones.

        Raises:
            EngineError: `start` is of a run with other noise levels.
        """
        if self.stands_for is not None and sigmas is None and timesteps is None and num_inference_steps is not None:
            sigmas = np.linspace(1.0, 1.0 / self.config.num_train_timesteps, num_inference_steps + 1)[:-1].tolist()
        super().set_timesteps(num_inference_steps, device, sigmas, mu, timesteps)
        if self.start is not None:
            check_same_levels(self.start, self.sigmas)
            self._step_index = self.start.done
            self.timesteps = self.timesteps[self.start.done :]

    def step(
        self,
        model_output: Tensor,
        timestep: float | Tensor,
        sample: Tensor,
        *,
        per_token_timesteps: Tensor | None = None,
        return_dict: bool = True,
        **kwargs: Any,
    ) -> FlowMatchEulerDiscreteSchedulerOutput | tuple[Tensor]:
        """The latent after one step, held where it is to be.

        Args:
            model_output: the velocity, or with `per_token_timesteps` its negative: then diffusers steps by a positive
                difference of levels.
            timestep: one of `timesteps`.
            sample: the noisy latent that the network was given; [B, N, C] with `per_token_timesteps`.
            per_token_timesteps: [B, N], 0 for tokens that are conditions.
            return_dict: as an output, else as a tuple.
            **kwargs: see diffusers.
        """
        if self.step_index is None:
            self._init_step_index(timestep)
        # diffusers steps tokens with levels of their own by the negative velocity.
        tokens = per_token_timesteps is not None
        levels = self._levels(sample, per_token_timesteps)
        mask = None if self.hold is None else self.hold.clean_mask(float(self.sigmas[self.step_index]))
        if self.hold is not None and mask is not None:
            # Tokens at level 0 are conditions: they do not move, whatever the output there.
            there = (sample.float() - self.hold.latents.to(sample.device)) / levels.clamp(min=1e-6)
            model_output = laid_over(-there if tokens else there, model_output, mask)
        self.clean = sample.float() + (levels if tokens else -levels) * model_output
        (latent,) = super().step(
            model_output, timestep, sample, per_token_timesteps=per_token_timesteps, return_dict=False, **kwargs
        )
        if self.hold is not None:
            latent = self.hold.over_noisy(float(self.sigmas[self.step_index]), latent)
        latent = latent.contiguous()
        return FlowMatchEulerDiscreteSchedulerOutput(prev_sample=latent) if return_dict else (latent,)

    def _levels(self, sample: Tensor, per_token_timesteps: Tensor | None) -> Tensor:
        """The noise level of the sample, or [B, N, 1] of each of its tokens."""
        if per_token_timesteps is None:
            return self.sigmas[self.step_index].to(sample.device)
        return per_token_timesteps[..., None] / self.config.num_train_timesteps
