"""Attention by blocks is attention under the dense mask, for any camera."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from torch.nn import functional  # noqa: E402

from server.geometry.epipolar import epipolar_mask, fundamental_matrices  # noqa: E402
from server.model.sampling.camera_condition import level_plan, normalised  # noqa: E402
from server.model.unet.attention_plan import KEY_STEP, BlockPlan, DensePlan  # noqa: E402
from server.model.unet.layers import merge_heads, split_heads  # noqa: E402
from server.model.unet.unet import split_context  # noqa: E402

FRAMES, WIDTH, HEIGHT, CELL, REGISTERS, HEADS = 6, 256, 192, 16, 4, 2
TOKENS = FRAMES * (WIDTH // CELL) * (HEIGHT // CELL)


def path(kind: str) -> torch.Tensor:
    poses = torch.eye(4, dtype=torch.float64).repeat(1, FRAMES, 1, 1)
    steps = torch.arange(FRAMES, dtype=torch.float64)
    if kind == "sideways":
        poses[0, :, 0, 3] = 0.1 * steps
    elif kind == "forward":
        poses[0, :, 2, 3] = 0.1 * steps
    elif kind in ("pan", "crane"):
        angle = 0.05 * steps
        poses[0, :, 0, 0], poses[0, :, 0, 2] = angle.cos(), angle.sin()
        poses[0, :, 2, 0], poses[0, :, 2, 2] = -angle.sin(), angle.cos()
        if kind == "crane":
            poses[0, :, :3, 3] = steps[:, None] * torch.tensor([0.1, 0.023, 0.057], dtype=torch.float64)
    return poses


def intrinsics() -> torch.Tensor:
    k = torch.tensor([[128.0, 0, WIDTH / 2], [0, 128, HEIGHT / 2], [0, 0, 1]], dtype=torch.float64)
    return k.expand(1, FRAMES, 3, 3)


@pytest.mark.parametrize("planned_for", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["still", "sideways", "forward", "pan", "crane"])
def test_blocks_are_exact_and_leave_most_out(kind: str, planned_for: torch.dtype) -> None:
    """Also with the keys that fill up a bfloat16 plan's blocks, which nothing may see."""
    fundamental = fundamental_matrices(path(kind), intrinsics())[0]
    plan = level_plan(fundamental, (WIDTH, HEIGHT), CELL, REGISTERS, dtype=planned_for)
    if not isinstance(plan, BlockPlan):
        pytest.skip("the grid is small enough for a dense mask")
    assert plan.density < 0.5
    for block in plan.blocks:
        assert len(block.keys) == len(block.keys.unique())
        assert len(block.keys) % KEY_STEP.get(planned_for, 1) == 0 or len(block.keys) == plan.columns
    assert sorted(torch.cat([b.queries for b in plan.blocks]).tolist()) == list(range(TOKENS))
    mask = epipolar_mask(normalised(fundamental).float()[None], HEIGHT, WIDTH, CELL)[0]
    dense = DensePlan(functional.pad(mask, (REGISTERS, 0), value=True))
    generator = torch.Generator().manual_seed(0)
    q = torch.randn((2, TOKENS, 32), generator=generator)
    k, v = (torch.randn((2, REGISTERS + TOKENS, 32), generator=generator) for _ in range(2))
    ours, reference = plan.attend(q, k, v, HEADS), dense.attend(q, k, v, HEADS)
    assert torch.allclose(ours, reference, atol=2e-6)
    one = plan.attend(q[:1], k[:1], v[:1], HEADS)
    assert torch.allclose(ours[:1], one, atol=2e-6), "a sample does not depend on its batch"
    half = plan.attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), HEADS).float()
    assert (half - reference).abs().max() < 0.05


def test_a_query_without_keys_sees_the_registers() -> None:
    k = v = torch.eye(8).repeat(1, 1, 1)[:, : REGISTERS + 2, :]
    mask = torch.zeros((2, REGISTERS + 2), dtype=torch.bool)
    mask[:, :REGISTERS] = True
    out = DensePlan(mask).attend(torch.zeros(1, 2, 8), k, v, 1)
    assert torch.allclose(out[0, 0], torch.tensor([0.25] * 4 + [0.0] * 4))
    assert torch.equal(merge_heads(split_heads(out, 2)), out)


def test_context_of_short_clips() -> None:
    """Sixteen tokens a frame: a short clip takes the first frames'. The published code gives every frame all."""
    context = torch.arange(77 + 256.0)[None, :, None]
    assert split_context(context, 16).image.shape == (1, 16, 16, 1)
    short = split_context(context, 5)
    assert short.image.shape == (1, 5, 16, 1)
    assert short.image[0, 4, 0, 0] == 77 + 64
    assert split_context(context, 5, published_parity=True).image.shape == (1, 1, 256, 1)
    assert split_context(context, 20).image.shape == (1, 1, 256, 1)
