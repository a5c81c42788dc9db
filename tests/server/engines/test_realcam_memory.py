"""Shots and the memory of the machine: what is planned, what is done when it runs out, and what is said."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

import torch

from blender_addon.core.errors import EngineError
from server.data.motorcycle import Motorcycle
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.memory_plan import (
    FAST,
    PLAIN,
    SMALL,
    MemoryPlan,
    needed_memory,
    parameter_counts,
    plans,
    what_would_fit,
)
from server.engines.realcam.runner import Runner
from server.engines.realcam.sources import LEAST_MEMORY, SIZES, RandomWeights
from server.realcam.config import REALCAM_256, REALCAM_512, REALCAM_1024, TINY
from server.realcam.model import RealCamModel, random_model
from server.realcam.offload import offloaded
from server.realcam.tokenizer import ByteTokenizer
from tests.server.engines.test_realcam_engine import path, shot_of, with_options

GB = 2**30


def test_each_plan_needs_less_than_the_one_before() -> None:
    for size, config in SIZES.items():
        fast, plain, small = (
            needed_memory(config, size, 16, torch.bfloat16, plan, "cuda") for plan in (FAST, PLAIN, SMALL)
        )
        assert fast > plain > 2 * small
    assert sum(parameter_counts(REALCAM_512).values()) == pytest.approx(2.80e9, rel=0.01)


def test_memory_grows_with_the_picture_and_the_precision() -> None:
    small = needed_memory(REALCAM_512, (512, 320), 16, torch.bfloat16, PLAIN, "cpu")
    assert needed_memory(REALCAM_1024, (1024, 576), 16, torch.bfloat16, PLAIN, "cpu") > small
    assert needed_memory(REALCAM_512, (512, 320), 16, torch.float32, PLAIN, "cpu") == pytest.approx(2 * small, rel=0.01)


@pytest.mark.parametrize(
    ("wish", "device", "free", "expected"),
    [
        ("auto", "cuda", 24, (FAST, SMALL)),
        ("auto", "cuda", 8, (PLAIN, SMALL)),
        ("auto", "cuda", 4, (SMALL,)),
        ("auto", "cpu", 24, (PLAIN, SMALL)),
        ("fast", "cuda", 4, (FAST, SMALL)),
        ("small", "cuda", 24, (SMALL,)),
    ],
)
def test_the_plan_fits_the_card_and_the_wish(
    wish: str, device: str, free: int, expected: tuple[MemoryPlan, ...]
) -> None:
    needs = {FAST: 10 * GB, PLAIN: 7 * GB, SMALL: 2 * GB}
    assert plans(wish, device, needs, free * GB) == expected


def test_what_would_fit_is_worked_out() -> None:
    sources = list(SIZES.items())
    assert what_would_fit(sources, 16, 40 * GB, "cuda").startswith("1024 x 576 in bfloat16 would fit")
    need = needed_memory(REALCAM_512, (512, 320), 16, torch.bfloat16, SMALL, "cuda")
    assert re.match(r"(512 x 320|320 x 512) in bfloat16 would fit", what_would_fit(sources, 16, need, "cuda"))
    assert what_would_fit(sources, 16, 2**20, "cuda").startswith("Nothing would fit: the least, 256 x 256 in bfloat16")


def test_memory_that_runs_out_once_is_made_do_with(bike: Motorcycle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first forward fails as CUDA fails; the shot is made again, whole, with the smaller plan."""
    from server.realcam.unet import UNet

    shot = shot_of(bike, path(2, 128, 64))
    engine = RealCamEngine(RandomWeights("tiny"))
    undisturbed = engine.generate(shot, lambda _: None).frames
    forward, failures = UNet.forward, 1

    def failing(self: UNet, *arguments: object) -> object:
        nonlocal failures
        if failures:
            failures -= 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(UNet, "forward", failing)
    again = engine.generate(shot, lambda _: None).frames
    assert np.array_equal(undisturbed, again), "small as it is, no tile was needed: the same clip"
    failures = 2
    with pytest.raises(EngineError, match=r"ran out of memory.*128 x 64 pixels need about.*GB are free.*would fit"):
        engine.generate(shot, lambda _: None)
    assert len(engine.generate(shot, lambda _: None).frames) == 2, "the next shot loads the model anew"


def test_another_error_is_not_taken_for_memory() -> None:
    def failing(plan: MemoryPlan) -> tuple[np.ndarray, object]:
        raise RuntimeError("another matter")

    with pytest.raises(RuntimeError, match="another matter"):
        Runner(RandomWeights("tiny"))._within_memory(failing, (PLAIN, SMALL), {}, (128, 64), 2)  # type: ignore[arg-type]


def test_offloaded_weights_make_the_same_picture(tmp_path: Path) -> None:
    """On the CPU with the weights on disk: a layer whose weights were not brought would compute with nothing."""
    from server.realcam.conditions import BoundDenoiser, bind, context_tokens

    def outputs(model: RealCamModel) -> torch.Tensor:
        picture = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)
        with torch.inference_mode():
            tokens = context_tokens(model, model.tokenizer("a motorcycle").ids, picture)
            conditions = bind(model, torch.ones(1, 4, 2, 8, 8), tokens, tokens * 0.5, None, 14)
            denoise = BoundDenoiser(model.unet, conditions)
            return torch.stack(list(denoise(torch.ones(1, 4, 2, 8, 8), 500, ("conditional", "unconditional"))))

    tokenizer = ByteTokenizer(TINY.clip.vocabulary)
    plain = outputs(random_model(TINY, tokenizer))
    away = offloaded(random_model(TINY, tokenizer), torch.device("cpu"), disk=str(tmp_path))
    assert torch.equal(outputs(away), plain)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA: offloading to a card was not run")
def test_offloaded_weights_leave_the_card(bike: Motorcycle) -> None:
    device = torch.device("cuda")
    model = offloaded(random_model(TINY, ByteTokenizer(TINY.clip.vocabulary)), device)
    assert next(model.unet.parameters()).device.type == "cpu"
    assert model.device == device
    engine = RealCamEngine(RandomWeights("tiny"))
    shot = shot_of(bike, path(4, 128, 64), memory="small", precision="float32")
    roomy = with_options(shot, memory="fast")
    small, fast = (engine.generate(s, lambda _: None).frames.astype(int) for s in (shot, roomy))
    assert np.abs(small - fast).mean() < 1.0


def test_tiles_are_another_picture_and_how_much() -> None:
    """What the option's description says: 1024 x 576 in tiles against the same in one piece, with a reduced model."""
    vae = random_model(TINY, ByteTokenizer(TINY.clip.vocabulary)).vae
    coarse = torch.randn(1, 4, 18, 32, generator=torch.Generator().manual_seed(0))
    latents = torch.nn.functional.interpolate(coarse, (72, 128), mode="bicubic")[:, :, None]
    with torch.inference_mode():
        whole, tiled = vae.decode(latents), vae.decode(latents, tiled=True)
        fits = vae.decode(latents[..., :40, :64], tiled=True)
        assert torch.equal(fits, vae.decode(latents[..., :40, :64])), "512 x 320 is one tile: exact"
    error = (whole - tiled).abs() * 127.5
    assert 0.5 < error.mean() < 5
    assert error.max() < 75


def test_the_least_machine_is_the_one_that_fits_the_least_shot() -> None:
    """What greys the engine out, which must not load torch to be known, is no guess either."""
    least = needed_memory(REALCAM_256, (256, 256), 16, torch.bfloat16, SMALL, "cpu")
    assert least <= LEAST_MEMORY <= 1.5 * least
