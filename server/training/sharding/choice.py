"""Which way of sharing a training's steps an accelerator has."""

from __future__ import annotations

from collections.abc import Iterable

from accelerate import Accelerator
from torch import nn

from server.training.optimizer import OptimizerSettings

from .accelerated import AcceleratedUpdates
from .plugin import is_zero
from .updates import Updates
from .zero import ZeroUpdates


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
    kind = ZeroUpdates if is_zero(accelerator) else AcceleratedUpdates
    return kind(accelerator, step, trained, settings, precision)
