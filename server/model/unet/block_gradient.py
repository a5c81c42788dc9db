"""Gradients of attention in blocks: computed anew for each block, so that no block's scores are kept.

Autograd through the blocks themselves would keep a copy of each block's keys and values, several times the tokens
together, and its backward pass would clear an array of all tokens for each block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .layers import merge_heads, split_heads


class MaskedBlock(Protocol):
    """What is read of a block, see QueryBlock in attention_plan.py."""

    @property
    def queries(self) -> Tensor:
        """[n] indices."""
        ...

    @property
    def keys(self) -> Tensor:
        """[m] indices."""
        ...

    @property
    def mask(self) -> Tensor:
        """[n, m] bool."""
        ...


Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values to attended tokens, see AttentionPlan."""


def differentiable(
    attend: Attend, blocks: Sequence[MaskedBlock], q: Tensor, k: Tensor, v: Tensor, heads: int
) -> Tensor:
    """The tokens that `attend` gives, with gradients for q, k and v.

    Args:
        attend: attention in these blocks, called without gradients.
        blocks: that cover every query once.
        q: [B, N, C].
        k: [B, M, C].
        v: [B, M, C].
        heads: number of heads, which divides C.

    Returns:
        [B, N, C].
    """
    return _BlockAttention.apply(attend, blocks, heads, q, k, v)


class _BlockAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, attend: Attend, blocks: Sequence[MaskedBlock], heads: int, q: Tensor, k: Tensor, v: Tensor
    ) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.blocks, ctx.heads = blocks, heads
        return attend(q, k, v)

    @staticmethod
    def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v = ctx.saved_tensors
        return (None, None, None, *block_gradients(ctx.blocks, q, k, v, gradient, ctx.heads))

    backward = staticmethod(once_differentiable(_backward))


def block_gradients(
    blocks: Sequence[MaskedBlock], q: Tensor, k: Tensor, v: Tensor, gradient: Tensor, heads: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of q, k and v; softmax and sums in float32.

    Args:
        blocks: that cover every query once.
        q: [B, N, C].
        k: [B, M, C].
        v: [B, M, C].
        gradient: of the attended tokens, [B, N, C].
        heads: number of heads, which divides C.
    """
    # Rows of one head each, as in BlockPlan.attend.
    scale = (q.shape[-1] // heads) ** -0.5
    tensors = (q * scale, k, v, gradient.to(q.dtype))
    q_rows, k_rows, v_rows, g_rows = (split_heads(t, heads).flatten(0, 2) for t in tensors)
    dq, dk, dv = (torch.zeros(t.shape, dtype=torch.float32, device=t.device) for t in (q_rows, k_rows, v_rows))
    each_head = torch.arange(len(q) * heads, device=q.device)[:, None]
    first_query, first_key = each_head * q.shape[1], each_head * k.shape[1]
    for block in blocks:
        queries, keys = (first_query + block.queries).flatten(), (first_key + block.keys).flatten()
        bq, bg = (rows.index_select(0, queries).unflatten(0, (len(each_head), -1)) for rows in (q_rows, g_rows))
        bk, bv = (rows.index_select(0, keys).unflatten(0, (len(each_head), -1)) for rows in (k_rows, v_rows))
        scores = (bq @ bk.transpose(1, 2)).float().masked_fill_(~block.mask, float("-inf"))
        weights = scores.softmax(dim=-1)
        towards = (bg @ bv.transpose(1, 2)).float()
        change = torch._softmax_backward_data(towards, weights, -1, torch.float32).to(q.dtype)
        dq[queries] = (change @ bk).flatten(0, 1).float()
        dk.index_add_(0, keys, (change.transpose(1, 2) @ bq).flatten(0, 1).float())
        dv.index_add_(0, keys, (weights.to(q.dtype).transpose(1, 2) @ bg).flatten(0, 1).float())
    return _tokens(dq.mul_(scale), q, heads), _tokens(dk, k, heads), _tokens(dv, v, heads)


def _tokens(rows: Tensor, like: Tensor, heads: int) -> Tensor:
    """Rows of one head each as tokens of the shape and dtype of `like`."""
    return merge_heads(rows.view(len(like), heads, like.shape[1], -1)).to(like.dtype)
