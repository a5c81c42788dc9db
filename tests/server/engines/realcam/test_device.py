"""What the engine `realcam` computes on and in which precision, by the machine and the artist's choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

import torch

from blender_addon.core.errors import EngineError
from server.engines import compute_device
from server.engines.realcam.runner import chosen_dtype
from server.engines.realcam.settings import read_settings
from server.model.config import NANO, REALCAM_512

CARD, CPU = torch.device("cuda"), torch.device("cpu")


def test_float32_is_float32_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default cuDNN's convolutions round to TF32 and matrix products do not: neither does here."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(compute_device, "check_card", lambda: None)
    assert compute_device.compute_device() == CARD
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_a_card_that_this_pytorch_has_no_code_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is seen, so that it would be taken, and everything on it fails."""
    words = "CUDA error: no kernel image is available for execution on the device"

    def failing(*_: object, **__: object) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", failing)
    with pytest.raises(EngineError, match=r"PyTorch cannot use its card.*CUDA_VISIBLE_DEVICES"):
        compute_device.compute_device()
    words = "CUDA error: device-side assert triggered"
    with pytest.raises(RuntimeError, match="assert"):
        compute_device.compute_device()


@pytest.mark.parametrize("computes", [True, False], ids=["a card with bfloat16", "an older card"])
def test_auto_is_half_precision_on_a_card(computes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return computes or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    settings = replace(read_settings({}), precision="auto")
    assert chosen_dtype(settings, CARD, REALCAM_512) == (torch.bfloat16 if computes else torch.float16)


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_what_is_asked_for_is_taken(name: str) -> None:
    settings = replace(read_settings({}), precision=name)
    chosen = {chosen_dtype(settings, device, config) for device in (CARD, CPU) for config in (REALCAM_512, NANO)}
    assert chosen == {getattr(torch, name)}


def test_a_small_network_is_whole_precision_by_auto() -> None:
    assert {chosen_dtype(read_settings({}), device, NANO) for device in (CARD, CPU)} == {torch.float32}
