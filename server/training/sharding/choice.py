"""Which way of sharing a training's steps an accelerator has."""

from __future__ import annotations

from collections.abc import Iterable

from accelerate import Accelerator
from torch import nn

from server.training.optimizer import OptimizerSettings

from .accelerated import AcceleratedUpdates
from .updates import Updates
from .zero import ZeroUpdates, is_zero


def updates_of(
    accelerator: Accelerator,
    step: nn.Module,
    trained: Iterable[nn.Parameter],
    settings: OptimizerSettings,
    precision: str,
) -> Updates:
    """The gradients and optimizer of a training.

    Args:
        accelerator: decides how processes share them.
        step: gives the loss.
        trained: the tensors that learn, in the optimizer's order.
        settings: of the optimizer.
        precision: of the network's products, see `RunSettings`.
    """
    if is_zero(accelerator):
        return ZeroUpdates(accelerator, step, trained, settings, precision)
    return AcceleratedUpdates(accelerator, step, trained, settings)
