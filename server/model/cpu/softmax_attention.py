"""Softmax attention by the fastest way there is for the device and dtype."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .processor import fused_attention_converts

LOGITS = 2**21
"""Logits computed at once, so that they stay in the processor's cache."""

MIN_ROWS = 64
"""Queries at once, at least: with so many keys that fewer fit, the fused form is faster."""


def softmax_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention.

    Args:
        q: [N, heads, L, D].
        k: [N, heads, M, D].
        v: [N, heads, M, D].
        mask: [L, M] bool, True where the query attends to the key; None for everywhere.

    Returns:
        [N, heads, L, D].
    """
    rows = LOGITS // (q.shape[1] * k.shape[2])
    if rows >= min(MIN_ROWS, q.shape[2]) and fused_attention_converts(q):
        return written_out(q, k, v, mask, rows)
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def written_out(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, rows: int) -> Tensor:
    """The same attention through two matrix products; logits are rounded to the dtype.

    Args:
        q: [N, heads, L, D].
        k: [N, heads, M, D].
        v: [N, heads, M, D].
        mask: [L, M] bool, True where the query attends to the key; None for everywhere.
        rows: queries at once, at most.

    Returns:
        [N, heads, L, D].
    """
    n, heads, length, channels = q.shape
    q, k, v = (q * channels**-0.5).contiguous(), k.contiguous(), v.contiguous()
    bias = None if mask is None else q.new_zeros(mask.shape).masked_fill_(~mask, float("-inf"))
    if n * length <= rows:
        return _attended(q, k, v, bias)
    # The heads of a query side by side, as callers want them next.
    out = q.new_empty((n, length, heads, channels)).transpose(1, 2)
    samples = max(1, rows // length)
    for sample in range(0, n, samples):
        some = slice(sample, sample + samples)
        for row in range(0, length, rows):
            part = slice(row, row + rows)
            out[some, :, part] = _attended(q[some, :, part], k[some], v[some], None if bias is None else bias[part])
    return out


def _attended(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    logits = torch.matmul(q, k.transpose(-1, -2))
    if bias is not None:
        logits += bias
    return torch.matmul(logits.softmax(dim=-1), v)
