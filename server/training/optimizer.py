"""AdamW on the trained set: accumulation, clipping, and the published run's double division."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import torch
from torch import Tensor, nn

PUBLISHED_CLIP = 0.5
"""Threshold of the published configuration, which acts on gradients that were divided twice."""

MOST_SKIPPED = 3
"""Steps in a row whose loss or gradient is no number, after which a training ends."""


class OptimizerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the trained set is moved. One group for all tensors: biases, norms and register tokens decay as well.

    Attributes:
        learning_rate: of AdamW.
        betas: of its moments.
        epsilon: added to the root of the second moment.
        weight_decay: decoupled.
        warmup_steps: optimizer steps over which the learning rate rises linearly from 0; published: none.
        max_gradient_norm: gradients of a larger global norm are scaled down to it; 4.0 does to the mean gradient what
            the published 0.5 does to an eighth of it. 0 clips nothing.
        divide_twice: divide by the number of accumulated batches once more, as the published run does.
    """

    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 1e-2
    warmup_steps: int = 0
    max_gradient_norm: float = 4.0
    divide_twice: bool = False

    def as_published(self) -> OptimizerSettings:
        """The same with the published run's two divisions and its threshold."""
        return msgspec.structs.replace(self, divide_twice=True, max_gradient_norm=PUBLISHED_CLIP)


def build_optimizer(parameters: Iterable[nn.Parameter], settings: OptimizerSettings) -> torch.optim.AdamW:
    """AdamW over the trained tensors."""
    return torch.optim.AdamW(
        list(parameters),
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
    )


def loss_divisor(accumulated: int, settings: OptimizerSettings) -> int:
    """What the loss of each accumulated batch is divided by, so that gradients add up to their mean.

    Args:
        accumulated: batches whose gradients add up to one step.
        settings: their `divide_twice` makes it an `accumulated`-th of the mean.
    """
    return accumulated * accumulated if settings.divide_twice else accumulated


def global_norm(gradients: Sequence[Tensor]) -> float:
    """The norm of all gradients together; not finite where one is not."""
    if not gradients:
        return 0.0
    return float(torch.stack([g.detach().float().norm() for g in gradients]).norm())


def clip(gradients: Sequence[Tensor], max_norm: float, norm: float) -> None:
    """Scale gradients down, in place, where their norm is above the threshold.

    Args:
        gradients: of all trained tensors.
        max_norm: the threshold; 0 for none.
        norm: of the gradients, see `global_norm`.
    """
    if max_norm <= 0.0:
        return
    divisor = max(1.0, (norm + 1e-6) / max_norm)
    if divisor > 1.0:
        for gradient in gradients:
            gradient.div_(divisor)


def learning_rate(step: int, settings: OptimizerSettings) -> float:
    """The learning rate of an optimizer step, counted from 0."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    return settings.learning_rate
