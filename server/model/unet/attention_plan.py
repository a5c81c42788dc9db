"""How the epipolar mask of a level is applied, worked out once for a shot.

The mask of the finest level has a quarter of a billion entries at 256 x 256, 4 % of them true. Queries on one epipolar
line share their keys, so queries are sorted along the lines and taken in blocks; each block attends only to the union
of its keys, with the mask cut to that union. The sum over masked-out entries is left out, not approximated.

Letters in shapes: N tokens of a clip, R register tokens, h x w cells of a frame, T frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from server.model.cpu.softmax_attention import softmax_attention

from .block_gradient import differentiable
from .layers import merge_heads, split_heads

MaskRows = Callable[[int], Tensor]
"""Index of a frame -> [h w, T h w] bool, the mask's rows of the queries in that frame."""

DENSE_TOKENS = 1024
"""Up to this many tokens, one dense mask is faster than blocks."""

QUERY_BLOCK = 32
"""Queries of one block. Larger blocks have less overhead, smaller ones fewer keys; measured."""

KEY_STEP = {torch.bfloat16: 64}
"""The number of a block's keys is a multiple of this, some of them closed to all queries: oneDNN, which multiplies
bfloat16, makes a kernel for every size it meets, and keeps about a thousand. Other types: 1.
"""


class AttentionPlan(Protocol):
    """How the tokens of one clip attend to each other under a mask."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        """Masked multi-head attention.

        Args:
            q: [B, N, C].
            k: [B, R + N, C], the R registers first and open to all queries.
            v: [B, R + N, C].
            heads: number of heads, which divides C.

        Returns:
            [B, N, C].
        """
        ...


@dataclass(frozen=True, eq=False)
class DensePlan:
    """An AttentionPlan with one dense mask.

    Attributes:
        mask: [N, R + N] bool, True where the query attends to the key.
    """

    mask: Tensor

    def attend(self, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        """See AttentionPlan."""
        q, k, v = (split_heads(t, heads) for t in (q, k, v))
        return merge_heads(softmax_attention(q, k, v, self.mask))

    def to(self, device: torch.device) -> DensePlan:
        """The same plan on another device."""
        return DensePlan(self.mask.to(device))


@dataclass(frozen=True, eq=False)
class QueryBlock:
    """Queries that share most of their keys. No index comes twice; a key may be closed to all of the queries.

    Attributes:
        queries: [n] indices into the N tokens.
        keys: [m] indices into the R + N keys.
        mask: [n, m] bool, True where the query attends to the key.
    """

    queries: Tensor
    keys: Tensor
    mask: Tensor


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """An AttentionPlan of blocks that cover every query once.

    Attributes:
        blocks: the blocks, in no particular order.
        columns: R + N, the number of keys.
    """

    blocks: tuple[QueryBlock, ...]
    columns: int

    def attend(self, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        """See AttentionPlan."""
        if torch.is_grad_enabled() and any(t.requires_grad for t in (q, k, v)):
            return differentiable(partial(self._attend, heads=heads), self.blocks, q, k, v, heads)
        return self._attend(q, k, v, heads)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        # Rows of one head each, for all samples: a block's are then gathered in the order they are computed in.
        q_rows, k_rows, v_rows = (split_heads(t, heads).flatten(0, 2) for t in (q, k, v))
        out = torch.empty_like(q_rows)
        each_head = torch.arange(len(q) * heads, device=q.device)[:, None]
        first_query, first_key = each_head * q.shape[1], each_head * k.shape[1]
        for block in self.blocks:
            queries, keys = first_query + block.queries, first_key + block.keys
            bq, bk, bv = _gather(q_rows, queries), _gather(k_rows, keys), _gather(v_rows, keys)
            out[queries] = softmax_attention(bq, bk, bv, block.mask)[0]
        return merge_heads(out.view(len(q), heads, q.shape[1], -1))

    def to(self, device: torch.device) -> BlockPlan:
        """The same plan on another device."""
        moved = (QueryBlock(b.queries.to(device), b.keys.to(device), b.mask.to(device)) for b in self.blocks)
        return BlockPlan(tuple(moved), self.columns)

    @property
    def density(self) -> float:
        """Entries that are computed, those of the registers included, over N^2."""
        queries = sum(len(b.queries) for b in self.blocks)
        return sum(b.mask.numel() for b in self.blocks) / queries**2


def _gather(rows: Tensor, index: Tensor) -> Tensor:
    """The rows at an index of each head: [1, heads, n, D] of rows [R, D] and index [heads, n]."""
    return rows.index_select(0, index.flatten()).view(1, *index.shape, -1)


def attention_plan(
    rows: MaskRows,
    frames: int,
    height: int,
    width: int,
    registers: int,
    orders: Callable[[int], Iterator[Tensor]],
    dtype: torch.dtype = torch.float32,
) -> DensePlan | BlockPlan:
    """The plan of one clip for one level.

    Args:
        rows: gives the mask's rows of each frame's queries.
        frames: T.
        height: rows of the level's grid, cells.
        width: columns of the level's grid, cells.
        registers: R.
        orders: index of a frame -> candidate orders [h w] of its queries; the one with least work is taken.
        dtype: of the tokens that will attend.

    Returns:
        One dense mask for up to DENSE_TOKENS tokens, else blocks.
    """
    if frames * height * width <= DENSE_TOKENS:
        mask = torch.cat([rows(frame) for frame in range(frames)])
        return DensePlan(functional.pad(mask, (registers, 0), value=True))
    blocks: list[QueryBlock] = []
    cells = height * width
    for frame in range(frames):
        mask = rows(frame)
        # Three frames are enough to tell a good order from a bad one.
        sample = mask.view(cells, frames, cells)[:, sorted({0, frames // 2, frames - 1})].flatten(1)
        order = min(orders(frame), key=lambda candidate: _work(sample, candidate))
        blocks += [
            _block(mask, queries, frame * cells, registers, KEY_STEP.get(dtype, 1))
            for queries in order.split(QUERY_BLOCK)
        ]
    return BlockPlan(tuple(blocks), registers + frames * cells)


def _work(mask: Tensor, order: Tensor) -> int:
    """Number of entries computed when the queries of `mask` are taken in blocks of this order."""
    padded = functional.pad(mask[order], (0, 0, 0, -len(order) % QUERY_BLOCK))
    return int(padded.unflatten(0, (-1, QUERY_BLOCK)).any(dim=1).sum())


def _block(mask: Tensor, queries: Tensor, offset: int, registers: int, key_step: int = 1) -> QueryBlock:
    """The block of some rows of a frame's mask.

    Args:
        mask: [h w, T h w] bool.
        queries: indices of the rows.
        offset: token of the clip that the mask's first row belongs to.
        registers: R.
        key_step: the number of keys is a multiple of this.
    """
    piece = mask[queries]
    taken = piece.any(dim=0)
    spare = -(registers + int(taken.sum())) % key_step
    taken[(~taken).nonzero()[:spare, 0]] = True
    keys = taken.nonzero()[:, 0]
    return QueryBlock(
        queries=queries + offset,
        keys=torch.cat([torch.arange(registers), keys + registers]),
        mask=functional.pad(piece[:, keys], (registers, 0), value=True),
    )


def candidate_orders(fundamental: Tensor, frame: int, centres: Tensor) -> Iterator[Tensor]:
    """Orders of a frame's cells along which epipolar lines are likely to run.

    These are straight stripes in eight directions and, for the frame with the largest baseline, the cells sorted by the
    angle at which they see the epipole.

    Args:
        fundamental: [T, T, 3, 3].
        frame: index of the frame.
        centres: [N, 3] homogeneous pixel positions of its cells.

    Yields:
        [N] int64, a permutation of the cells.
    """
    centres = centres.to(torch.float64)
    for step in range(8):
        angle = torch.tensor(step * torch.pi / 8, dtype=torch.float64)
        yield (centres[:, 0] * torch.sin(angle) - centres[:, 1] * torch.cos(angle)).argsort(stable=True)
    others = fundamental[frame].flatten(1).norm(dim=1)
    # F^T maps a pixel of the other frame to its line here; all those lines meet in this frame's epipole.
    _, _, vh = torch.linalg.svd(fundamental[frame, int(others.argmax())].double())
    epipole = vh[-1]
    toward = epipole[:2] - epipole[2] * centres[:, :2]
    yield torch.remainder(torch.atan2(toward[:, 1], toward[:, 0]), torch.pi).argsort(stable=True)
