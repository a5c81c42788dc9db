"""A network with arranged weights computes the same numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from server.model.config import TINY  # noqa: E402
from server.model.cpu.processor import computes_in_bfloat16  # noqa: E402
from server.model.model import RealCamModel, random_model  # noqa: E402
from server.model.packed import PACKED, PackedUpsample, pack  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.unet.attention import ContextTokens  # noqa: E402
from server.model.unet.layers import FeedForward, Linear  # noqa: E402
from server.model.unet.resnet import Upsample  # noqa: E402
from tests.server.bench.test_plain_sampler import FRAMES, HEIGHT, WIDTH, camera_of, noise  # noqa: E402

BFLOAT16 = pytest.param(
    torch.bfloat16,
    marks=pytest.mark.skipif(not computes_in_bfloat16(), reason="this processor does not compute in bfloat16"),
)


def model_in(dtype: Any) -> RealCamModel:
    unet = replace(TINY.unet, mask_cells=(64, 32, 16, 8), learnable_image_scale=True)
    config = replace(TINY, unet=unet)
    return random_model(config, ByteTokenizer(TINY.clip.vocabulary), seed=3, dtype=dtype)


def output(model: RealCamModel, dtype: Any) -> Any:
    channels = model.config.unet.context_channels
    context = ContextTokens(noise(1, 77, channels, seed=2).to(dtype), noise(1, FRAMES, 16, channels, seed=3).to(dtype))
    x, timestep, fps = noise(1, 8, FRAMES, HEIGHT // 8, WIDTH // 8, seed=4), torch.tensor([601]), torch.tensor([14])
    return model.unet(x, timestep, model.unet.bind_context(context), camera_of(model), fps).float()


@pytest.mark.parametrize("dtype", [torch.float32, BFLOAT16])
def test_the_same_numbers(dtype: Any) -> None:
    """In bfloat16 as close to float32 as without."""
    with torch.inference_mode():
        exact = output(model_in(torch.float32), torch.float32)
        model = model_in(dtype)
        plain = output(model, dtype)
        pack(model.unet)
        packed = output(model, dtype)
    if dtype == torch.float32:
        assert torch.allclose(packed, plain, atol=1e-4, rtol=1e-4)
    else:
        assert (packed - exact).norm() < 1.2 * (plain - exact).norm() < 0.1 * exact.norm()


def test_every_layer_is_arranged() -> None:
    model = model_in(torch.float32)
    with torch.inference_mode():
        pack(model.unet)
    projections = {m.proj for m in model.unet.modules() if isinstance(m, FeedForward)}
    assert {type(m) for m in projections} == {Linear}, "arranged in halves by their feed-forward"
    assert not {type(m) for m in model.unet.modules() if m not in projections} & PACKED.keys()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (8, 4)])
def test_doubling_before_and_after_the_convolution(height: int, width: int) -> None:
    layer, x = Upsample(6), noise(2, 3, height, width, 6, seed=5)
    with torch.inference_mode():
        plain = layer(x)
        pack(layer)
        assert isinstance(layer, PackedUpsample)
        assert torch.allclose(layer(x), plain, atol=1e-5)
