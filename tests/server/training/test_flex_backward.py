"""FlexAttention's gradients on a card are those of the dense mask."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from torch.nn import functional  # noqa: E402

from server.geometry.epipolar import epipolar_mask, fundamental_matrices  # noqa: E402
from server.geometry.relative_poses import PUBLISHED  # noqa: E402
from server.model.sampling.camera_condition import normalised  # noqa: E402
from server.model.unet.attention_plan import DensePlan  # noqa: E402
from server.model.unet.flex_plan import flex_plan  # noqa: E402
from tests.server.published.recipe import recipe_intrinsics, recipe_trajectory  # noqa: E402

FRAMES, SIDE, CELL, REGISTERS, HEADS = 8, 128, 8, 4, 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: FlexAttention was not compiled")
def test_gradients_on_a_card() -> None:
    poses = torch.linalg.inv(recipe_trajectory(FRAMES).double())
    noise = torch.randn((1, FRAMES, FRAMES, 3), generator=torch.Generator().manual_seed(0))
    fundamental = normalised(
        fundamental_matrices(poses, recipe_intrinsics(FRAMES, SIDE, SIDE), PUBLISHED, noise)
    ).cuda()
    mask = epipolar_mask(fundamental.float(), SIDE, SIDE, CELL, PUBLISHED)[0]
    plans = (
        DensePlan(functional.pad(mask, (REGISTERS, 0), value=True)),
        flex_plan(fundamental[0], (SIDE, SIDE), CELL, REGISTERS, PUBLISHED),
    )
    tokens, channels = len(mask), 32 * HEADS
    found = []
    for plan in plans:
        generator = torch.Generator("cuda").manual_seed(5)
        shapes = ((1, tokens, channels), *[(1, REGISTERS + tokens, channels)] * 2)
        inputs = [torch.randn(s, generator=generator, device="cuda").requires_grad_() for s in shapes]
        out = plan.attend(*inputs, HEADS)
        (out * torch.randn(out.shape, generator=generator, device="cuda")).sum().backward()
        found.append([t.grad for t in inputs])
    for dense, flex in zip(*found, strict=True):
        # Bits at the threshold fall either way in float32, and products are in TF32.
        assert float((dense - flex).norm() / dense.norm()) < 2e-2
