"""The epipolar mask for FlexAttention: CUDA skips the blocks that hold nothing, and no mask is ever stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from server.geometry.epipolar import cell_centres, epipolar_lines
from server.geometry.relative_poses import CORRECT, CameraConventions

from .layers import merge_heads, split_heads


@dataclass(frozen=True, eq=False)
class FlexPlan:
    """An AttentionPlan (see attention_plan.py) for the device its block mask is on."""

    block_mask: BlockMask
    attention: Callable[..., Any]

    def attend(self, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        bq, bk, bv = (split_heads(t, heads).contiguous() for t in (q, k, v))
        return merge_heads(self.attention(bq, bk, bv, block_mask=self.block_mask))

    def to(self, device: torch.device) -> FlexPlan:
        return FlexPlan(self.block_mask.to(device), self.attention)


@cache
def compiled_attention() -> Callable[..., Any]:
    """Compiled once a process; the first call of each shape takes seconds."""
    return torch.compile(flex_attention, dynamic=False)


def flex_plan(
    fundamental: Tensor,
    size: tuple[int, int],
    cell: int,
    registers: int,
    conventions: CameraConventions = CORRECT,
    attention: Callable[..., Any] | None = None,
) -> FlexPlan:
    """The plan of one clip at one level, of its fundamental matrices [T, T, 3, 3], on their device."""
    width, height = size
    centres = cell_centres(height, width, cell, conventions.cell_offset).to(fundamental)
    # [T, T, cells, 3] -> line of query q in key frame t at [q, t].
    lines = epipolar_lines(fundamental, centres).transpose(1, 2).flatten(0, 1).float()
    points, cells = centres.float(), len(centres)
    nearest = cell * 2**0.5 / 2

    def visible(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        del batch, head
        place = (key - registers).clamp_min(0)
        distance = (lines[query, place // cells] * points[place % cells]).sum(-1).abs()
        return (key < registers) | (distance < nearest)

    tokens = len(lines)
    block_mask = create_block_mask(visible, None, None, tokens, registers + tokens, device=str(fundamental.device))
    return FlexPlan(block_mask, attention or compiled_attention())
