"""What saves memory in training changes no gradient: blocks of attention, and activations computed again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from torch.nn import functional  # noqa: E402
from torch.utils.checkpoint import set_checkpoint_early_stop  # noqa: E402

from server.model.unet import attention_plan  # noqa: E402
from server.model.unet.attention_plan import BlockPlan, DensePlan, _block  # noqa: E402
from server.training.camera import seen_camera  # noqa: E402
from server.training.data.camera_paths import CameraPaths  # noqa: E402
from server.training.step import training_step  # noqa: E402
from server.training.trained_set import set_base_dropout  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402
from tests.server.published.recipe import recipe_intrinsics, recipe_trajectory  # noqa: E402
from tests.support.model.training_cases import CONFIGS, gradients, kit_model, step_case  # noqa: E402


def gathered(mask: Any, registers: int, seed: int, block: int = 7) -> BlockPlan:
    """The plan of a dense mask [N, N] in blocks of any queries."""
    order = torch.randperm(len(mask), generator=torch.Generator().manual_seed(seed))
    return BlockPlan(
        tuple(_block(mask, queries, 0, registers) for queries in order.split(block)), registers + len(mask)
    )


@pytest.mark.parametrize(("batch", "heads", "registers"), [(1, 1, 1), (2, 2, 4), (3, 4, 2)])
def test_gradients_of_blocks_are_those_of_the_dense_mask(batch: int, heads: int, registers: int) -> None:
    generator = torch.Generator().manual_seed(heads)
    tokens, channels = 50, 8 * heads
    mask = torch.rand((tokens, tokens), generator=generator) < 0.2
    plans = (DensePlan(functional.pad(mask, (registers, 0), value=True)), gathered(mask, registers, seed=3))
    found = []
    for plan in plans:
        generator.manual_seed(11)
        shapes = ((batch, tokens, channels), *[(batch, registers + tokens, channels)] * 2)
        inputs = [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]
        out = plan.attend(*inputs, heads)
        (out * torch.randn(out.shape, generator=generator, dtype=torch.float64)).sum().backward()
        found.append([out.detach(), *(t.grad for t in inputs)])
    # Softmax and sums are in float32 in the blocks' backward pass.
    for dense, blocks in zip(*found, strict=True):
        assert torch.allclose(dense, blocks, rtol=1e-5, atol=1e-5)


def backward(model: Any, trained: Any, case: Any, camera: Any) -> dict[str, Any]:
    for parameter in trained.parameters.values():
        parameter.grad = None
    torch.manual_seed(3)
    training_step(model, case.batch, case.draws, camera=camera).loss.backward()
    return {key: g.clone() for key, g in gradients(trained).items()}


def worst(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    return max(float((ours[k] - g).norm() / g.norm().clamp_min(1e-12)) for k, g in theirs.items())


def test_a_step_in_blocks_has_the_gradients_of_the_dense_one(kit: ParityKit, training_kit: ParityKit) -> None:
    model, trained = kit_model(kit, "eps256")
    case = step_case(training_kit.tensors("step"), "eps256", CONFIGS["eps256"])
    dense = case.camera(model)
    registers = model.config.unet.register_tokens
    blocks = tuple(tuple(gathered(p.mask[:, registers:], registers, 5, 32) for p in level) for level in dense.plans)
    ours = backward(model, trained, case, replace(dense, plans=blocks))
    assert worst(ours, backward(model, trained, case, dense)) < 2e-3


def test_computed_again_with_the_same_dropout(kit: ParityKit, training_kit: ParityKit) -> None:
    model, trained = kit_model(kit, "eps256")
    case = step_case(training_kit.tensors("step"), "eps256", CONFIGS["eps256"])
    camera = case.camera(model)
    set_base_dropout(model.unet, 0.3)
    kept = backward(model, trained, case, camera)
    model.unet.recompute = model.pose_encoder.recompute = True
    # Without the early stop each block runs to its end a second time, and would draw other dropout if it could.
    with set_checkpoint_early_stop(False):
        again = backward(model, trained, case, camera)
    assert all(torch.equal(again[key], g) for key, g in kept.items())


def test_recomputing_keeps_fewer_activations(kit: ParityKit, training_kit: ParityKit) -> None:
    model, _ = kit_model(kit, "eps256")
    case = step_case(training_kit.tensors("step"), "eps256", CONFIGS["eps256"])
    camera = case.camera(model)

    def kept_bytes() -> int:
        kept: dict[int, int] = {}

        def pack(tensor: Any) -> Any:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            training_step(model, case.batch, case.draws, camera=camera)
        return sum(kept.values())

    everything = kept_bytes()
    model.unet.recompute = model.pose_encoder.recompute = True
    assert kept_bytes() < everything / 4


def test_no_level_of_a_large_clip_has_a_dense_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    config = CONFIGS["eps256"]
    paths = CameraPaths(
        torch.linalg.inv(recipe_trajectory(16).double()), recipe_intrinsics(16, 128, 128), torch.ones(1, 16)
    )
    noise = torch.randn((1, 16, 16, 3), generator=torch.Generator().manual_seed(0))
    rows: list[int] = []
    asked = attention_plan.functional.pad

    def pad(mask: Any, *rest: Any, **options: Any) -> Any:
        rows.append(mask.shape[0])
        return asked(mask, *rest, **options)

    monkeypatch.setattr(attention_plan.functional, "pad", pad)
    camera = seen_camera(config.unet, paths, torch.tensor([3]), noise, (128, 128))
    assert [type(level[0]) for level in camera.plans if level] == [BlockPlan, DensePlan, DensePlan, DensePlan]
    assert max(rows) <= attention_plan.DENSE_TOKENS
