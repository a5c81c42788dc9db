"""Steps whose gradients and optimizer accelerate prepares: by copies on each process, or split over them by FSDP."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from server.training.optimizer import OptimizerSettings, build_optimizer, clip, global_norm

from .plugin import is_split, split_what_learns
from .precision import autocast
from .shards import own_part, split_state, whole_state
from .updates import Update, Updates

SMALLEST_SCALE = 1.0
"""Factor on the loss in float16 at which a gradient that is no number is one, not one that was scaled too far."""


class AcceleratedUpdates(Updates):
    """See `Updates`.

    Args:
        accelerator: of the training.
        step: gives the loss.
        trained: the tensors that learn, in the optimizer's order; split ones are other objects afterwards.
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
        self._accelerator, self._settings, self._precision = accelerator, settings, precision
        split_what_learns(accelerator, step)
        self._module, self._optimizer = accelerator.prepare(step, build_optimizer(trained, settings))

    def accumulating(self, last: bool) -> AbstractContextManager[None]:
        shared = self._accelerator.num_processes > 1
        context: AbstractContextManager[None] = (
            self._accelerator.no_sync(self._module) if shared and not last else nullcontext()
        )
        return context

    def loss(self, *samples: object) -> Tensor:
        with autocast(self._accelerator, self._precision):
            loss: Tensor = self._module(*samples)
        return loss

    def backward(self, loss: Tensor) -> None:
        self._accelerator.backward(loss)

    def apply(self, rate: float, finite: bool) -> Update:
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        scaler = self._accelerator.scaler
        if scaler is not None:
            scaler.unscale_(self._optimizer.optimizer)
        gradients = [own_part(p.grad) for p in self._parameters if p.grad is not None]
        norm = global_norm(gradients)
        if is_split(self._accelerator):
            squared = torch.tensor(norm**2, dtype=torch.float64, device=self._accelerator.device)
            norm = math.sqrt(float(self._accelerator.reduce(squared, reduction="sum")))
        done, too_large = finite and math.isfinite(norm), False
        if done:
            clip(gradients, self._settings.max_gradient_norm, norm)
            self._optimizer.step()
        elif scaler is not None:
            # A scale that is too large for float16 is halved until it fits.
            too_large = finite and float(scaler.get_scale()) > SMALLEST_SCALE
            scaler.update()
        self._optimizer.zero_grad()
        return Update(norm, done, overflowed=too_large)

    def state(self, keep: bool) -> dict[str, Any]:
        return whole_state(self._optimizer.state_dict(), keep)

    def load(self, state: Mapping[str, Any]) -> None:
        self._optimizer.load_state_dict(split_state(dict(state), self._parameters))

    @property
    def _parameters(self) -> list[nn.Parameter]:
        return [p for group in self._optimizer.param_groups for p in group["params"]]
