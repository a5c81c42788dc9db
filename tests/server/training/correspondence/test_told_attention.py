"""What the loss of correspondence says of attention that looks where it should, and of attention that does not."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.nn.attention.flex_attention import create_mask

from server.model.unet.attention_plan import AttentionPlan, BlockPlan, DensePlan, QueryBlock
from server.model.unet.flex_plan import flex_plan
from server.training.correspondence import told_attention
from server.training.correspondence.told_attention import EVERY, ToldPlan, targets_of
from tests.support.model.fake_card import guarded

FRAMES, HEIGHT, WIDTH, REGISTERS, HEADS, CELL = 2, 2, 4, 3, 2, 8
TOKENS = FRAMES * HEIGHT * WIDTH


def shifted_by_a_cell() -> Tensor:
    """[T, h, w, 2]: every frame shows what the first one does a cell farther right; nothing in its last column."""
    x, y = torch.meshgrid((torch.arange(WIDTH) + 1.5) * CELL, (torch.arange(HEIGHT) + 0.5) * CELL, indexing="xy")
    points = torch.stack([x, y], dim=-1).expand(FRAMES, -1, -1, -1).clone()
    points[:, :, -1] = torch.nan
    return points


def dense(mask: Tensor) -> DensePlan:
    return DensePlan(torch.nn.functional.pad(mask, (REGISTERS, 0), value=True))


def blocks(mask: Tensor) -> BlockPlan:
    """One block of all queries, whose keys come in another order."""
    order = torch.randperm(REGISTERS + TOKENS, generator=torch.Generator().manual_seed(0))
    whole = dense(mask).mask
    return BlockPlan((QueryBlock(torch.arange(TOKENS), order, whole[:, order]),), REGISTERS + TOKENS)


def term(plan: AttentionPlan, look: Tensor) -> Tensor:
    """The term of queries that look at these keys: one-hot channels, times 20."""
    channels = REGISTERS + TOKENS
    eye = torch.eye(channels).repeat(1, HEADS)[None]
    told = ToldPlan(plan, targets_of(shifted_by_a_cell(), 0, REGISTERS, CELL), 0)
    told.attend(20.0 * channels**0.5 * eye[:, look], eye, eye, HEADS)
    return told.terms[0]


def right() -> Tensor:
    """[N] the key that each query should look at; itself where there is none."""
    cells = torch.arange(TOKENS)
    column, row = cells % WIDTH, cells // WIDTH % HEIGHT
    return torch.where(column < WIDTH - 1, REGISTERS + row * WIDTH + column + 1, REGISTERS + cells)


@pytest.mark.parametrize("plan_of", [dense, blocks])
def test_looking_at_the_point_costs_nothing_and_looking_elsewhere_does(plan_of: object) -> None:
    assert callable(plan_of)
    plan = plan_of(torch.ones((TOKENS, TOKENS), dtype=torch.bool))
    assert float(term(plan, right())) < 1e-3
    assert float(term(plan, torch.zeros(TOKENS, dtype=torch.long))) > 10.0


def test_blocks_say_what_one_dense_mask_says() -> None:
    mask = torch.rand((TOKENS, TOKENS), generator=torch.Generator().manual_seed(3)) > 0.4
    look = (right() + 1) % (REGISTERS + TOKENS)
    torch.testing.assert_close(term(dense(mask), look), term(blocks(mask), look))


def test_a_point_off_the_lines_is_not_told() -> None:
    mask = torch.zeros((TOKENS, TOKENS), dtype=torch.bool)
    told = ToldPlan(dense(mask), targets_of(shifted_by_a_cell(), 0, REGISTERS, CELL), 0)
    tokens = torch.randn((1, TOKENS, 4), generator=torch.Generator().manual_seed(1))
    keys = torch.randn((1, REGISTERS + TOKENS, 4), generator=torch.Generator().manual_seed(2))
    plain = dense(mask).attend(tokens, keys, keys, HEADS)
    torch.testing.assert_close(told.attend(tokens, keys, keys, HEADS), plain)
    assert told.terms == []


def test_steps_along_its_gradient_turn_the_attention_to_the_points() -> None:
    generator = torch.Generator().manual_seed(5)
    q = torch.randn((1, TOKENS, 16), generator=generator).requires_grad_()
    k = torch.randn((1, REGISTERS + TOKENS, 16), generator=generator).requires_grad_()
    optimizer = torch.optim.Adam([q, k], lr=0.1)
    plan = dense(torch.ones((TOKENS, TOKENS), dtype=torch.bool))
    found = []
    for step in range(120):
        told = ToldPlan(plan, targets_of(shifted_by_a_cell(), 0, REGISTERS, CELL), step % EVERY)
        told.attend(q, k, k.detach(), HEADS)
        if told.terms:
            optimizer.zero_grad()
            told.terms[0].backward()
            optimizer.step()
            found.append(float(told.terms[0].detach()))
    assert found[-1] < 0.3 * found[0]


def test_a_plan_of_cards_is_told_on_the_same_lines() -> None:
    """Blocks of queries with the mask that FlexAttention works out while it attends."""
    fundamental = torch.randn((FRAMES, FRAMES, 3, 3), generator=torch.Generator().manual_seed(7)).double()
    plan = flex_plan(fundamental, (WIDTH * CELL, HEIGHT * CELL), CELL, REGISTERS, backend="eager")
    whole = create_mask(plan.block_mask.mask_mod, None, None, TOKENS, REGISTERS + TOKENS, device="cpu")[0, 0]
    (block,) = told_attention._told_blocks(plan, *whole.shape, torch.device("cpu"), 0)
    assert torch.equal(block.mask, whole)
    assert 0.1 < block.mask[:, REGISTERS:].float().mean() < 0.9


class Anywhere:
    """A plan of another kind, without a mask."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
        raise NotImplementedError


@pytest.mark.parametrize("kind", ["dense", "blocks", "anywhere"])
def test_on_a_card_all_of_it_is_there(kind: str) -> None:
    """With tensors that know their device and hold nothing: they refuse to be computed with those of the machine."""
    with guarded(), FakeTensorMode(shape_env=ShapeEnv()):
        card = torch.device("cuda:0")
        mask = torch.empty((TOKENS, REGISTERS + TOKENS), dtype=torch.bool, device=card)
        rows, columns = torch.arange(TOKENS, device=card), torch.arange(REGISTERS + TOKENS, device=card)
        plans: dict[str, AttentionPlan] = {
            "dense": DensePlan(mask),
            "blocks": BlockPlan((QueryBlock(rows, columns, mask),), REGISTERS + TOKENS),
            "anywhere": Anywhere(),
        }
        targets = targets_of(torch.empty((FRAMES, HEIGHT, WIDTH, 2), device=card), 0, REGISTERS, CELL)
        queries, keys = (torch.empty((HEADS, count, 4), device=card) for count in mask.shape)
        for block in told_attention._told_blocks(plans[kind], *mask.shape, card, 0):
            assert told_attention._cross_entropy(queries, keys, block, targets).device == card
