"""FlexAttention's block mask is the epipolar mask, takes little memory to make, and stays compiled for any shot."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, create_mask  # noqa: E402

from server.geometry.epipolar import epipolar_mask, fundamental_matrices  # noqa: E402
from server.model.sampling.camera_condition import device_plan, normalised  # noqa: E402
from server.model.unet.attention_plan import DensePlan  # noqa: E402
from server.model.unet.flex_plan import (  # noqa: E402
    FlexPlan,
    MaskMod,
    block_mask,
    compiled_attention,
    flex_plan,
    mask_memory,
)
from tests.support.model.live_memory import LiveMemory  # noqa: E402
from tests.support.model.older_compile import older_compile  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")
"""PyTorch's own, when its compiler is imported."""

CELL, REGISTERS, HEADS = 16, 4, 2
FLOAT = torch.float32
CPU = torch.device("cpu")
LIMIT = 4
"""Of forms of one code; Dynamo's own is 8."""


def crane(frames: int, size: tuple[int, int], device: Any = CPU) -> Any:
    """Fundamental matrices [T, T, 3, 3] of a camera that pans while it moves along all axes."""
    steps = torch.arange(frames, dtype=torch.float64, device=device)
    poses = torch.eye(4, dtype=torch.float64, device=device).repeat(1, frames, 1, 1)
    angle = 0.05 * steps
    poses[0, :, 0, 0], poses[0, :, 0, 2] = angle.cos(), angle.sin()
    poses[0, :, 2, 0], poses[0, :, 2, 2] = -angle.sin(), angle.cos()
    poses[0, :, :3, 3] = steps[:, None] * torch.tensor([0.1, 0.023, 0.057], dtype=torch.float64, device=device)
    width, height = size
    intrinsics = torch.tensor(
        [[width / 2, 0, width / 2], [0, width / 2, height / 2], [0, 0, 1]], dtype=torch.float64, device=device
    )
    return normalised(fundamental_matrices(poses, intrinsics.expand(1, frames, 3, 3))[0])


def eager(frames: int, size: tuple[int, int], cell: int = CELL) -> FlexPlan:
    """The plan on the CPU, traced by Dynamo and not made into code, which takes a C++ compiler and long."""
    return flex_plan(crane(frames, size), size, cell, REGISTERS, backend="eager")


def inputs(plan: FlexPlan, batch: int = 1, dtype: Any = FLOAT) -> Any:
    queries, keys = plan.block_mask.seq_lengths
    generator = torch.Generator().manual_seed(0)
    return [torch.randn((batch, n, 32), generator=generator).to(dtype) for n in (queries, keys, keys)]


def dense(plan: FlexPlan) -> Any:
    """Its mask as FlexAttention defines it, [queries, keys]."""
    queries, keys = plan.block_mask.seq_lengths
    return create_mask(plan.block_mask.mask_mod, None, None, queries, keys, device="cpu")[0, 0]


def test_the_mask_is_the_epipolar_mask() -> None:
    width, height = size = (256, 192)
    plan = eager(6, size)
    mask = functional.pad(epipolar_mask(crane(6, size)[None], height, width, CELL)[0], (REGISTERS, 0), value=True)
    assert (dense(plan) != mask).float().mean() < 1e-5, "float32 and float64 may differ right at the border"
    q, k, v = inputs(plan)
    assert torch.allclose(plan.attend(q, k, v, HEADS), DensePlan(dense(plan)).attend(q, k, v, HEADS), atol=1e-5)


def same(ours: BlockMask, reference: BlockMask) -> bool:
    names = [f"{full}{side}_{what}" for full in ("", "full_") for side in "kq" for what in ("num_blocks", "indices")]
    names = [name.replace("k_", "kv_") for name in names]
    return all(torch.equal(getattr(ours, name), getattr(reference, name)) for name in names)


@pytest.mark.parametrize(
    ("frames", "size", "cell"), [(6, (256, 192), 16), (5, (320, 192), 16), (3, (256, 256), 8), (7, (192, 320), 32)]
)
def test_a_row_of_blocks_at_a_time_is_the_same(frames: int, size: tuple[int, int], cell: int) -> None:
    """As create_block_mask, whole and partial blocks and the ragged last ones."""
    ours = eager(frames, size, cell).block_mask
    reference = create_block_mask(ours.mask_mod, None, None, *ours.seq_lengths, device="cpu")
    assert same(ours, reference)
    assert torch.equal(ours.to_dense(), reference.to_dense())
    assert ours.shape == reference.shape


@pytest.mark.parametrize(("queries", "keys"), [(512, 512), (300, 640), (129, 1000)])
@pytest.mark.parametrize(
    "seen",
    [
        lambda b, h, query, key: query >= key,
        lambda b, h, query, key: (key < 200) | (query < 0),
        lambda b, h, query, key: (query < 0) & (key < 0),
    ],
    ids=["causal", "first keys", "nothing"],
)
def test_blocks_are_whole_partial_or_left_out(seen: MaskMod, queries: int, keys: int) -> None:
    reference = create_block_mask(seen, None, None, queries, keys, device="cpu")
    assert same(block_mask(seen, queries, keys, CPU), reference)


@pytest.mark.parametrize(("size", "cell"), [((256, 256), 8), ((1024, 576), 16)])
def test_making_it_takes_little_memory(size: tuple[int, int], cell: int) -> None:
    """Of the real sizes: what a memory plan counts, far from what all entries at once take."""
    with FakeTensorMode(), LiveMemory() as memory:
        plan = flex_plan(crane(16, size), size, cell, REGISTERS, backend="eager")
    tokens, keys = plan.block_mask.seq_lengths
    assert memory.most < mask_memory(tokens, REGISTERS) < 2**27
    assert 12 * tokens * keys > 30 * memory.most, "a few float32 values of all entries at once"


@pytest.mark.parametrize("compiler", [torch.compile, older_compile], ids=["this torch.compile", "an older one"])
@torch._dynamo.config.patch(recompile_limit=LIMIT)
def test_every_form_stays_compiled(compiler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More sizes, frame counts, batches and precisions than Dynamo compiles one function for."""
    monkeypatch.setattr(torch, "compile", compiler)
    compiled_attention.cache_clear()
    torch._dynamo.reset()
    counters = torch._dynamo.utils.counters
    counters.clear()
    size = (192, 128)
    forms = [(n, batch, dtype) for n in (5, 6) for batch, dtype in ((1, FLOAT), (2, FLOAT), (1, torch.bfloat16))]
    for frames, batch, dtype in forms:
        plan = eager(frames, size)
        assert torch.isfinite(plan.attend(*inputs(plan, batch, dtype), HEADS)).all()
    assert counters["stats"]["unique_graphs"] == len(forms) > LIMIT
    another = eager(5, (128, 192))
    another.attend(*inputs(another), HEADS)
    assert counters["stats"]["unique_graphs"] == len(forms), "another shot of a form is not compiled again"


@pytest.mark.slow
def test_compiled_to_code() -> None:
    """As it runs on a card, but for the processor: by Inductor."""
    from blender_addon.core.errors import EngineError
    from server.model.sampling.compiled import check_compiler

    try:
        check_compiler(CPU)
    except EngineError as error:
        pytest.skip(f"nothing was compiled: {error.sentence}")
    size = (256, 192)
    plan = flex_plan(crane(6, size), size, CELL, REGISTERS)
    q, k, v = inputs(plan)
    with torch.inference_mode():
        assert torch.allclose(plan.attend(q, k, v, HEADS), DensePlan(dense(plan)).attend(q, k, v, HEADS), atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: FlexAttention was not compiled")
def test_flex_on_cuda() -> None:
    width, height = size = (256, 192)
    plan = device_plan(crane(6, size).cuda(), size, CELL, REGISTERS)
    assert isinstance(plan, FlexPlan)
    q, k, v = inputs(plan)
    mask = functional.pad(epipolar_mask(crane(6, size)[None], height, width, CELL)[0], (REGISTERS, 0), value=True)
    ours = plan.attend(*(t.cuda() for t in (q, k, v)), HEADS).cpu()
    assert torch.allclose(ours, DensePlan(mask).attend(q, k, v, HEADS), atol=1e-3)
