"""What this processor is good at."""

from __future__ import annotations

import torch


def computes_in_bfloat16() -> bool:
    """Whether the processor has bfloat16 arithmetic of its own; without, it is imitated and far slower than float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
