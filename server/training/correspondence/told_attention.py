"""The loss of correspondence: the epipolar attention should look where its point lies in the condition frame.

The mean squared error says nothing of where to look until something is found there, so a small network takes long to
look anywhere. The attention's own scores can be told: of the keys on a query's epipolar lines, those of the cells
around its point in the condition frame should have the weight. The published training does not do this; it needs depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from server.model.unet.attention_plan import AttentionPlan, BlockPlan, DensePlan, QueryBlock
from server.model.unet.flex_plan import FlexPlan
from server.model.unet.layers import split_heads
from server.training.camera import SeenCamera

EVERY = 5
"""Of a clip's blocks of queries every fifth is told; which ones changes with the step."""
LEAST_WEIGHT = 0.3
"""Of the bilinear weights around a point that must lie on the query's epipolar line, or the query is not told."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Where the queries of a clip should look.

    Attributes:
        keys: [N, 4] the cells around each query's point, as indices among the keys.
        weights: [N, 4] bilinear; all 0 where the condition frame does not show it.
    """

    keys: Tensor
    weights: Tensor


@dataclass(frozen=True, eq=False)
class ToldPlan:
    """An AttentionPlan that also says how far the attention looks from where it should.

    Attributes:
        plan: attends.
        targets: of the clip.
        first: number of the first block that is told.
        terms: gets a number for each attention that took this plan.
    """

    plan: AttentionPlan
    targets: Targets
    first: int
    terms: list[Tensor] = field(default_factory=list)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        """See AttentionPlan."""
        told = _told_blocks(self.plan, q.shape[1], k.shape[1], q.device, self.first)
        queries, keys = split_heads(q, heads)[0], split_heads(k, heads)[0]
        terms = [_cross_entropy(queries, keys, block, self.targets) for block in told]
        if any(len(term) for term in terms):
            self.terms.append(torch.cat(terms).mean())
        return self.plan.attend(q, k, v, heads)


def told_camera(
    camera: SeenCamera, points: Tensor, reference: Tensor, registers: int, step: int, cell: int
) -> tuple[SeenCamera, list[Tensor]]:
    """The camera whose finest masked level is told where to look, and the list that gets terms as the network runs.

    Args:
        camera: of the batch.
        points: [B, T, h, w, 2], see `seen_points`.
        reference: [B], the condition frames.
        registers: number of register tokens, which come first among the keys.
        step: any number that changes; it picks the blocks.
        cell: side of a cell of that level, pixels.
    """
    terms: list[Tensor] = []
    level, finest = next((i, plans) for i, plans in enumerate(camera.plans) if plans is not None)
    plans = tuple(
        ToldPlan(plan, targets_of(own, int(frame), registers, cell), step % EVERY, terms)
        for plan, own, frame in zip(finest, points, reference, strict=True)
    )
    return replace(camera, plans=(*camera.plans[:level], plans, *camera.plans[level + 1 :])), terms


def targets_of(points: Tensor, reference: int, registers: int, cell: int) -> Targets:
    """Where a clip's queries should look.

    Args:
        points: [T, h, w, 2], see `seen_points`.
        reference: the condition frame.
        registers: number of register tokens.
        cell: side of a cell, pixels.
    """
    height, width = points.shape[1:3]
    places = points.flatten(0, 2) / cell - 0.5
    shown = places.isfinite().all(dim=1)
    places = places.nan_to_num()
    keys, weights = [], []
    for right in (0, 1):
        for down in (0, 1):
            column, row = places[:, 0].floor() + right, places[:, 1].floor() + down
            inside = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long()
            keys.append(registers + reference * height * width + inside)
            apart = (places - torch.stack([column, row], dim=1)).abs()
            weights.append((1 - apart).clamp(min=0).prod(dim=1) * shown)
    return Targets(torch.stack(keys, dim=1), torch.stack(weights, dim=1))


def _told_blocks(
    plan: AttentionPlan, queries: int, keys: int, device: torch.device, first: int
) -> Sequence[QueryBlock]:
    """Every fifth of the plan's blocks from the first on; of a plan without blocks, of 32 queries each."""
    if isinstance(plan, BlockPlan):
        return plan.blocks[first::EVERY]
    every = torch.arange(keys, device=device)
    told = torch.arange(queries, device=device).split(32)[first::EVERY]
    return [QueryBlock(rows, every, _mask_rows(plan, rows, keys)) for rows in told]


def _mask_rows(plan: AttentionPlan, rows: Tensor, keys: int) -> Tensor:
    """[n, K] which keys these queries see; of a plan without a mask, all."""
    if isinstance(plan, DensePlan):
        return plan.mask[rows]
    if isinstance(plan, FlexPlan):
        return plan.mask_rows(rows, keys)
    return torch.ones((len(rows), keys), dtype=torch.bool, device=rows.device)


def _cross_entropy(queries: Tensor, keys: Tensor, block: QueryBlock, targets: Targets) -> Tensor:
    """Of those queries of a block whose point lies on their lines, mean over the heads: [n].

    Args:
        queries: [heads, N, D].
        keys: [heads, R + N, D].
        block: of the plan.
        targets: of the clip.
    """
    place = torch.full((keys.shape[1],), -1, device=keys.device)
    place[block.keys] = torch.arange(len(block.keys), device=keys.device)
    wanted = place[targets.keys.to(keys.device)[block.queries]]
    weights = targets.weights.to(keys.device)[block.queries] * (wanted >= 0)
    wanted = wanted.clamp(min=0)
    weights = weights * block.mask.gather(1, wanted)
    total = weights.sum(dim=1)
    told = total > LEAST_WEIGHT
    with torch.autocast(keys.device.type, enabled=False):
        scores = queries[:, block.queries].float() @ keys[:, block.keys].float().transpose(1, 2)
    scores = scores * queries.shape[-1] ** -0.5
    likely = scores.masked_fill(~block.mask, float("-inf")).log_softmax(dim=-1)
    # What is closed has no weight; times minus infinity it would be no number.
    near = likely.gather(2, wanted.expand(len(likely), -1, -1)).masked_fill(weights == 0, 0.0)
    return -(near * (weights / total.clamp(min=LEAST_WEIGHT)[:, None])).sum(dim=2).mean(dim=0)[told]
