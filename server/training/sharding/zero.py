"""Steps whose gradients and moments DeepSpeed splits over the processes, by its ZeRO stages 1 and 2.

Each process keeps the trained tensors whole. They, their gradients and moments stay in float32, and products are
rounded by autocast, as in a training that is not split: DeepSpeed's own 16-bit modes would round the tensors
themselves. Accumulation, learning rate and what a checkpoint holds are the training's; norm, clipping and leaving out
gradients that are no numbers are DeepSpeed's, by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from server.training.optimizer import OptimizerSettings, build_optimizer

from .precision import autocast
from .shards import STEPS
from .updates import Update, Updates

MOMENTS = ("exp_avg", "exp_avg_sq")
"""Names in AdamW's state of the two moments."""

BUCKET = 25_000_000
"""Numbers of the gradients that are sent around at once, of 261 million: each process holds two buckets (0.2 GB)."""


class ZeroUpdates(Updates):
    """See `Updates`.

    Args:
        accelerator: of the training, with DeepSpeed's plugin.
        step: gives the loss.
        trained: the tensors that learn, in the optimizer's order.
        settings: of the optimizer.
        precision: of the network's products, see `RunSettings`.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        step: nn.Module,
        trained: Iterable[nn.Parameter],
        settings: OptimizerSettings,
        precision: str,
    ) -> None:
        self._parameters = list(trained)
        optimizer = build_optimizer(self._parameters, settings)
        self._groups: list[dict[str, Any]] = optimizer.state_dict()["param_groups"]
        accelerator.deepspeed_plugin.deepspeed_config.update(
            gradient_clipping=settings.max_gradient_norm,
            gradient_accumulation_steps=1,  # the training says itself which batch is a step's last
            train_micro_batch_size_per_gpu=1,
            train_batch_size=accelerator.num_processes,
            bf16={"enabled": False},
            fp16={"enabled": False},
        )
        zero = accelerator.deepspeed_plugin.deepspeed_config["zero_optimization"]
        if zero.get("reduce_bucket_size", "auto") == "auto":
            zero["reduce_bucket_size"] = BUCKET
        trained_only = TrainedOnly(step, self._parameters, autocast(accelerator, precision))
        self._engine, prepared = accelerator.prepare(trained_only, optimizer)
        self._zero: Any = prepared.optimizer

    def accumulating(self, last: bool) -> AbstractContextManager[None]:
        self._engine.set_gradient_accumulation_boundary(last)
        return nullcontext()

    def loss(self, *samples: object) -> Tensor:
        loss: Tensor = self._engine(*samples)
        return loss

    def backward(self, loss: Tensor) -> None:
        self._engine.backward(loss)

    def apply(self, rate: float, finite: bool) -> Update:
        from deepspeed.utils import safe_set_full_grad

        for group in self._zero.param_groups:
            group["lr"] = rate
        if not finite:  # The engine leaves steps out by their gradients alone.
            safe_set_full_grad(self._parameters[0], torch.full_like(self._parameters[0], float("inf")))
        self._engine.step()
        return Update(float(self._engine.get_global_grad_norm()), done=self._engine.was_step_applied())

    def state(self, keep: bool) -> dict[str, Any]:
        from deepspeed.utils import safe_get_full_optimizer_state

        tensors: dict[int, dict[str, Tensor]] = {}
        for index, parameter in enumerate(self._parameters if self._own_state else ()):
            moments = {name: safe_get_full_optimizer_state(parameter, name) for name in MOMENTS}
            if keep:
                # A tensor for each: AdamW counts up in place.
                steps = next(iter(self._own_state.values()))[STEPS].clone()
                tensors[index] = {STEPS: steps, **{name: moment.cpu() for name, moment in moments.items()}}
        rates = [group["lr"] for group in self._zero.param_groups]
        groups = [group | {"lr": rate} for group, rate in zip(self._groups, rates, strict=True)]
        return {"state": tensors, "param_groups": groups}

    def load(self, state: Mapping[str, Any]) -> None:
        from deepspeed.utils import safe_set_full_optimizer_state

        self._zero.refresh_fp32_params()
        if not state["state"]:
            return
        for group in self._zero.optimizer.param_groups:
            for part in group["params"]:
                self._own_state[part] = {STEPS: next(iter(state["state"].values()))[STEPS].clone()}
                self._own_state[part] |= {name: torch.zeros_like(part) for name in MOMENTS}
        self._zero._lazy_init_hp_params_optimizer_state()  # as it does itself after its first step
        for index, moments in state["state"].items():
            parameter = self._parameters[index]
            for name in MOMENTS:
                safe_set_full_optimizer_state(parameter, moments[name].to(parameter.device), name)

    @property
    def _own_state(self) -> dict[Tensor, dict[str, Tensor]]:
        """Of this process's part of the tensors; empty before the first step."""
        state: dict[Tensor, dict[str, Tensor]] = self._zero.optimizer.state
        return state


class TrainedOnly(nn.Module):
    """A step as a module of nothing but what learns: DeepSpeed sends a module's parameters around when it begins.

    Args:
        step: gives the loss.
        trained: its parameters that learn.
        autocast: what it runs in; DeepSpeed ends one that is entered outside.
    """

    def __init__(
        self, step: nn.Module, trained: Iterable[nn.Parameter], autocast: AbstractContextManager[None]
    ) -> None:
        super().__init__()
        self.trained = nn.ParameterList(trained)
        self._step, self._autocast = (step,), autocast

    def forward(self, *inputs: object) -> Tensor:
        """The loss."""
        with self._autocast:
            loss: Tensor = self._step[0](*inputs)
        return loss
