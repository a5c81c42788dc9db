"""The clean latents that stand beside the noisy ones in training."""

from __future__ import annotations

import torch
from torch import Tensor

from server.model.sampling.conditions import concat_latents

from .draws import STYLES


def training_concat(latents: Tensor, reference: Tensor, style: Tensor) -> Tensor:
    """The clean latents beside the noisy ones, each sample's in its own style.

    Args:
        latents: clean, [B, 4, T, h, w].
        reference: [B], the condition frames.
        style: [B], indices into STYLES.
    """
    concat = torch.empty_like(latents)
    for number in style.unique().tolist():
        chosen = style == number
        concat[chosen] = concat_latents(latents[chosen], reference[chosen], STYLES[number])
    return concat
