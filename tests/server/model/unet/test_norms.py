"""Group norms under autocast."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")

import torch

from server.model.unet.layers import ClipNorm, FrameNorm


@pytest.mark.parametrize("norm", [FrameNorm(64), ClipNorm(64)], ids=["of a frame", "of a clip"])
def test_under_autocast_a_norm_is_that_of_float32_rounded_once(norm: FrameNorm | ClipNorm) -> None:
    x = (100 + torch.randn((1, 3, 4, 5, 64), generator=torch.Generator().manual_seed(0))).bfloat16()
    with torch.no_grad():
        wanted = norm(x.float()).bfloat16()
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(norm(x), wanted)
