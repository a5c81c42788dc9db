"""The epipolar mask for FlexAttention: CUDA skips the blocks that hold nothing, and no dense mask is ever stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from server.geometry.epipolar import cell_centres, epipolar_lines
from server.geometry.relative_poses import CORRECT, CameraConventions

from .compile_options import many_forms
from .layers import merge_heads, split_heads

BLOCK = 128
"""Queries, and keys, of one block of the mask: FlexAttention's default."""

ENTRY_BYTES = 18
"""Bytes that working out one entry of the mask takes at most: four float32 values at once, and the answer."""

MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""FlexAttention's definition of a mask: indices of batch, head, query and key to whether the query sees the key."""

Form = tuple[object, ...]
"""All that an attention is compiled for: a plan's sizes, the queries' shape and dtype."""


@dataclass(frozen=True, eq=False)
class FlexPlan:
    """An AttentionPlan (see attention_plan.py) for the device that its block mask is on.

    Attributes:
        block_mask: which blocks are computed, and the mask within them.
        form: the sizes that the mask is made of.
        backend: of torch.compile.
    """

    block_mask: BlockMask
    form: Form
    backend: str

    def attend(self, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        """See AttentionPlan."""
        bq, bk, bv = (split_heads(t, heads).contiguous() for t in (q, k, v))
        attention = compiled_attention((*self.form, bq.shape, bq.dtype), self.backend)
        return merge_heads(attention(bq, bk, bv, block_mask=self.block_mask))

    def mask_rows(self, queries: Tensor, keys: int) -> Tensor:
        """[n, K] which keys some queries see.

        Args:
            queries: [n] their indices.
            keys: how many there are.
        """
        none = queries.new_zeros(())
        every = torch.arange(keys, device=queries.device)
        return self.block_mask.mask_mod(none, none, queries[:, None], every[None])


@cache
def compiled_attention(form: Form, backend: str = "inductor") -> Callable[..., Any]:
    """FlexAttention compiled for one form alone; its first call takes seconds.

    With Dynamo's own limits the ninth form would run uncompiled, which stores all scores: tens of gigabytes. Should a
    limit be met all the same, fullgraph makes that an error.

    Args:
        form: what to compile for; each has its own compiled function.
        backend: of torch.compile.
    """
    del form
    return torch.compile(flex_attention, dynamic=False, fullgraph=True, backend=backend, **many_forms())


def flex_plan(
    fundamental: Tensor,
    size: tuple[int, int],
    cell: int,
    registers: int,
    conventions: CameraConventions = CORRECT,
    backend: str = "inductor",
) -> FlexPlan:
    """The plan of one clip at one level, on the device of its fundamental matrices.

    Args:
        fundamental: [T, T, 3, 3].
        size: (width, height) of a frame, pixels.
        cell: side of a cell, pixels.
        registers: number of register tokens.
        conventions: their `cell_offset` is used.
        backend: of torch.compile.
    """
    width, height = size
    centres = cell_centres(height, width, cell, conventions.cell_offset).to(fundamental)
    # [T, T, cells, 3] -> coefficients of the line of query q in key frame t at [q, t].
    lines = epipolar_lines(fundamental, centres).transpose(1, 2).flatten(0, 1).float()
    a, b, c = (part.contiguous() for part in lines.unbind(-1))
    x, y = (part.contiguous() for part in centres.float()[:, :2].unbind(-1))
    cells = len(centres)
    nearest = cell * 2**0.5 / 2

    def visible(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        # In single numbers: a kernel's mask cannot sum over an axis.
        del batch, head
        place = (key - registers).clamp_min(0)
        frame, point = place // cells, place % cells
        distance = a[query, frame] * x[point] + b[query, frame] * y[point] + c[query, frame]
        return (key < registers) | (distance.abs() < nearest)

    tokens = len(lines)
    mask = block_mask(visible, tokens, registers + tokens, fundamental.device)
    return FlexPlan(mask, (len(fundamental), cells, cell, registers), backend)


def mask_memory(tokens: int, registers: int) -> int:
    """Bytes that making a level's mask takes at most.

    Args:
        tokens: of the level, in all frames.
        registers: number of register tokens.
    """
    return ENTRY_BYTES * BLOCK * (registers + tokens)


def block_mask(visible: MaskMod, queries: int, keys: int, device: torch.device) -> BlockMask:
    """The BlockMask of a mask that is alike for all samples and heads, as FlexAttention's create_block_mask makes it.

    It works the mask out for a row of blocks at a time: create_block_mask does so for all queries and keys at once,
    which takes 16 GB at 1024 x 576.

    Args:
        visible: the mask.
        queries: how many there are.
        keys: how many there are.
        device: where the mask is made and kept.
    """
    zero = torch.zeros((), dtype=torch.int64, device=device)
    columns = torch.arange(keys, device=device)
    partial, full = [], []
    for rows in torch.arange(queries, device=device).split(BLOCK):
        seen = visible(zero, zero, rows[:, None], columns)
        # What is beyond the last query or key is not seen, so the blocks at the ends are never full.
        padded = functional.pad(seen, (0, -keys % BLOCK))
        count = padded.unflatten(1, (-1, BLOCK)).sum(dim=(0, 2))
        full.append(count == BLOCK * BLOCK)
        partial.append((count > 0) & (count < BLOCK * BLOCK))
    return BlockMask.from_kv_blocks(
        *_counts_and_indices(torch.stack(partial)),
        *_counts_and_indices(torch.stack(full)),
        BLOCK_SIZE=BLOCK,
        mask_mod=visible,
        seq_lengths=(queries, keys),
    )


def _counts_and_indices(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks each row has, and which.

    Args:
        blocks: [rows, columns] bool.

    Returns:
        Counts [1, 1, rows] int32 and column indices [1, 1, rows, columns] int32, those of the row's blocks first.
    """
    order = blocks.int().argsort(dim=-1, descending=True, stable=True)
    return blocks.sum(dim=-1, dtype=torch.int32)[None, None], order.int()[None, None]
