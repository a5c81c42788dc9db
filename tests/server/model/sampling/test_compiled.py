"""Compiled blocks give the numbers of the plain ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")

from blender_addon.core.errors import EngineError  # noqa: E402
from server.model.config import TINY  # noqa: E402
from server.model.model import random_model  # noqa: E402
from server.model.sampling.compiled import can_compile, check_compiler, compile_blocks  # noqa: E402
from server.model.tokenizer import ByteTokenizer  # noqa: E402
from server.model.unet.attention import ContextTokens  # noqa: E402
from server.model.unet.unet import UNet  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")
"""PyTorch's own, when its compiler is imported."""

SHALLOW = replace(TINY, unet=replace(TINY.unet, channel_mult=(1, 1), blocks=1))
"""One level with attention and one without: few blocks to compile."""


@pytest.fixture
def compiler() -> None:
    try:
        check_compiler(torch.device("cpu"))
    except EngineError as error:
        pytest.skip(f"nothing was compiled: {error.sentence}")


def denoised(unet: UNet) -> Any:
    """What the network says of fixed noise under a fixed context."""
    generator = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Any:
        return torch.randn(shape, generator=generator)

    channels = TINY.unet.context_channels
    with torch.inference_mode():
        context = unet.bind_context(ContextTokens(noise(1, 77, channels), noise(1, 3, 16, channels)))
        return unet(noise(1, 8, 3, 16, 16), torch.tensor([700]), context)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("compiler")
def test_compiled_blocks_give_the_same_numbers() -> None:
    unet = random_model(SHALLOW, ByteTokenizer(TINY.clip.vocabulary)).unet
    plain = denoised(unet)
    compile_blocks(unet, torch.device("cpu"))
    counters = torch._dynamo.utils.counters
    counters.clear()
    compiled = denoised(unet)
    assert torch.allclose(compiled, plain, atol=1e-4, rtol=1e-4)
    assert counters["frames"]["ok"] == counters["frames"]["total"] > 1, "all were compiled, or share their code"


def test_a_machine_that_cannot_compile_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A card without Triton, as on Windows: the camera's attention goes by blocks there, the choice ends in words."""

    def failing(*_: object) -> None:
        raise torch._inductor.exc.TritonMissing(None)

    monkeypatch.setattr(torch, "compile", lambda function: failing)
    can_compile.cache_clear()
    with pytest.raises(EngineError, match="cannot compile the network: Cannot find a working triton"):
        check_compiler(torch.device("cpu"))
    assert not can_compile(torch.device("cpu"))
    assert not can_compile(torch.device("cpu"))
    can_compile.cache_clear()
    assert caplog.text.count("working triton") == 1
