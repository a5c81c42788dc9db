"""diffusers' UniPC for flow matching, holding a scene and able to start in the middle.

A hold cannot be laid over the latents between the steps of the plain scheduler, as in a pipeline's callback: its
corrector computes the state anew from the step before and drops what was laid over it. Held by
tests/server/diffusion/flow/test_flow_hold.py.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UniPCMultistepScheduler
from diffusers.schedulers.scheduling_utils import SchedulerOutput
from torch import Tensor

from .hold import SceneHold
from .solver_state import SolverState, check_same_levels


class HeldUniPC(UniPCMultistepScheduler):
    """UniPC over flow sigmas. Without hold and start it is diffusers' own, to the bit.

    Made with `from_config` of the pipeline's scheduler.

    Attributes:
        hold: what is held, None for nothing.
        start: what a run begins from, None for its beginning. The pipeline must be given the latents of that moment.
    """

    hold: SceneHold | None = None
    start: SolverState | None = None
    timesteps: Tensor

    @property
    def state(self) -> SolverState:
        """Where the run stands after the last step."""
        return SolverState(
            done=self.step_index or 0,
            sigmas=self.sigmas,
            outputs=tuple(self.model_outputs),
            last_sample=self.last_sample,
            lower_order=self.lower_order_nums,
            this_order=getattr(self, "this_order", 0),
        )

    @property
    def clean(self) -> Tensor | None:
        """The clean latents predicted at the last step, None before the first."""
        return self.model_outputs[-1]

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        sigmas: list[float] | None = None,
        mu: float | None = None,
    ) -> None:
        """Set the timesteps that remain.

        Args:
            num_inference_steps: of the whole run.
            device: of the timesteps.
            sigmas: noise levels in place of even ones.
            mu: see diffusers.

        Raises:
            ValueError: there is a hold, and the scheduler is not one for flow matching.
            EngineError: `start` is of a run with other noise levels.
        """
        if self.hold is not None and not (self.config.use_flow_sigmas and self.predict_x0):
            raise ValueError("a scene can be held on flow sigmas and predictions of the clean latent only")
        super().set_timesteps(num_inference_steps, device, sigmas, mu)
        self._all_timesteps: Tensor = self.timesteps
        if self.start is None:
            return
        check_same_levels(self.start, self.sigmas)
        self.model_outputs = [None if output is None else output.to(device) for output in self.start.outputs]
        last = self.start.last_sample
        self.last_sample = None if last is None else last.to(device)
        self.lower_order_nums, self.this_order = self.start.lower_order, self.start.this_order
        self._step_index = self.start.done
        self.timesteps = self._all_timesteps[self.start.done :]

    def convert_model_output(self, model_output: Tensor, *args: Any, sample: Tensor, **kwargs: Any) -> Tensor:
        """The clean latent that predictor, corrector and history all see, held where it is to be."""
        clean: Tensor = super().convert_model_output(model_output, *args, sample=sample, **kwargs)
        return clean if self.hold is None else self.hold.over_clean(float(self.sigmas[self.step_index]), clean)

    def step(
        self, model_output: Tensor, timestep: int | Tensor, sample: Tensor, return_dict: bool = True
    ) -> SchedulerOutput | tuple[Tensor]:
        """The latent after one step, held where it is to be.

        Args:
            model_output: the velocity.
            timestep: one of `timesteps`.
            sample: the noisy latent that the network was given.
            return_dict: as an output, else as a tuple.
        """
        # The solver lowers its order before the last of all steps: it must count those before the start too.
        self.timesteps = self._all_timesteps
        # Contiguous, as it is when read back: sums over other strides differ in the last bit.
        latent = super().step(model_output, timestep, sample, return_dict=False)[0].contiguous()
        if self.hold is not None:
            latent = self._held(self.hold, latent)
        return SchedulerOutput(prev_sample=latent) if return_dict else (latent,)

    def _held(self, hold: SceneHold, latent: Tensor) -> Tensor:
        """The latent after a step with the noised preview over it, which the corrector must not compute anew."""
        level = float(self.sigmas[self.step_index])
        if hold.noisy_mask(level) is None:
            return latent
        # The predictor's memory stays: with one draw of noise the noised preview is a smooth path, and it fits.
        self.last_sample = None
        return hold.over_noisy(level, latent)
