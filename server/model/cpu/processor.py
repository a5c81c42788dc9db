"""Which arithmetic this processor is fast at."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


@cache
def computes_in_bfloat16() -> bool:
    """Whether the processor has bfloat16 arithmetic of its own; without, it is emulated and far slower than float32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def fused_attention_converts(x: Tensor) -> bool:
    """Whether PyTorch's fused attention of x would convert bfloat16 to float32 on a processor that multiplies bfloat16.

    On the CPU, without AMX, it takes MKL's product, which on AMD converts to float32 first: no faster than float32.
    """
    return (
        not torch.compiler.is_compiling()
        and x.dtype == torch.bfloat16
        and x.device.type == "cpu"
        and computes_in_bfloat16()
        and not torch.cpu._is_amx_tile_supported()
    )
