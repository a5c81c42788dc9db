"""Blocks whose activations are not kept for the backward pass but computed again in it: less memory for more time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def run_block(block: nn.Module, recompute: bool, *inputs: Any) -> Tensor:
    """What a block puts out.

    Args:
        block: of the network.
        recompute: keep only its inputs, and run it once more in the backward pass, with the random numbers that its
            dropout drew.
        *inputs: of the block.
    """
    if recompute and torch.is_grad_enabled():
        return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=True)
    return block(*inputs)
