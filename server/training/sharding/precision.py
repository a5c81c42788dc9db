"""What the network runs in, so that its products are rounded as a training asks."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from accelerate import Accelerator

from server.training.trained_set import HALF

from .plugin import is_zero


def autocast(accelerator: Accelerator, precision: str) -> AbstractContextManager[None]:
    """A context for forward passes; it may be entered again and again.

    accelerate gives none where DeepSpeed has the optimizer: DeepSpeed would round the trained tensors instead.

    Args:
        accelerator: of the training.
        precision: see `RunSettings`.
    """
    if not is_zero(accelerator):
        own: AbstractContextManager[None] = accelerator.autocast()
        return own
    dtype = HALF.get(precision)
    return nullcontext() if dtype is None else torch.autocast(accelerator.device.type, dtype)
