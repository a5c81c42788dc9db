"""Winograd's convolution is the convolution: same numbers, same rounding, at every size it takes."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from server.model.cpu import winograd  # noqa: E402
from server.model.cpu.winograd import winograd_conv  # noqa: E402
from server.model.unet import layers  # noqa: E402
from tests.support.properties import examples  # noqa: E402


def normal(*shape: int, seed: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def direct(x: Any, weight: Any, bias: Any) -> Any:
    return torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=1).permute(0, 2, 3, 1)


@examples(40)
@given(
    frames=st.integers(1, 5),
    half_height=st.integers(1, 9),
    half_width=st.integers(1, 9),
    channels=st.integers(1, 7),
    outputs=st.integers(1, 7),
    biased=st.booleans(),
)
def test_the_direct_sum(
    frames: int, half_height: int, half_width: int, channels: int, outputs: int, biased: bool
) -> None:
    x = normal(frames, 2 * half_height, 2 * half_width, channels, seed=0)
    weight, bias = normal(outputs, channels, 3, 3, seed=1), normal(outputs, seed=2) if biased else None
    assert torch.allclose(winograd_conv(x, weight, bias), direct(x, weight, bias), atol=1e-12, rtol=1e-12)


def test_more_tiles_than_are_taken_at_once() -> None:
    """Frames in groups, the last one smaller."""
    x, weight = normal(5, 32, 64, 4, seed=0), normal(3, 4, 3, 3, seed=1)
    assert x.shape[1] * x.shape[2] // 4 * len(x) > winograd.TILES
    assert torch.allclose(winograd_conv(x, weight, None), direct(x, weight, None), atol=1e-12, rtol=1e-12)


def test_rounding_is_that_of_the_direct_form() -> None:
    """In float32 against float64, at the width of the full-size network's finest level."""
    x, weight, bias = normal(2, 16, 16, 320, seed=0), normal(320, 320, 3, 3, seed=1), normal(320, seed=2)
    exact = direct(x, weight, bias)
    single = (x.float(), weight.float(), bias.float())

    def error(y: Any) -> float:
        return float((y - exact).square().mean().sqrt())

    assert error(winograd_conv(*single)) < 1.5 * error(direct(*single))


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() != "AVX2", reason="not taken on this processor")
def test_wide_convolutions_take_it_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, ...]] = []

    def noted(x: Any, weight: Any, bias: Any) -> Any:
        taken.append(tuple(x.shape))
        return winograd_conv(x, weight, bias)

    monkeypatch.setattr(layers, "winograd_conv", noted)
    wide = layers.FrameConv(256, 256, 3, padding=1)
    with torch.inference_mode():
        for conv, height in (
            (wide, 8),
            (wide, 5),
            (layers.FrameConv(8, 256, 3, padding=1), 8),
            (layers.FrameConv(256, 256, 3, stride=2, padding=1), 8),
            (layers.FrameConv(256, 256, 1), 8),
        ):
            conv(torch.zeros(1, 2, height, 8, conv.in_channels))
    wide(torch.zeros(1, 2, 8, 8, 256)).sum().backward()
    assert taken == [(2, 8, 8, 256)], "the even, wide, 3 x 3 one, when nothing is learned"
