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
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress
from server.demo.motorcycle import Motorcycle
from server.engines.device_memory import first_within_memory, is_out_of_memory
from server.engines.engine import Cancelled, Paused
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.memory.memory_plan import (
    FAST,
    PLAIN,
    SMALL,
    MemoryPlan,
    first_plan,
    needed_memory,
    parameter_counts,
    what_would_fit,
    with_fall_backs,
)
from server.engines.realcam.memory.minimum_memory import LEAST
from server.engines.realcam.sources import SIZES, RandomWeights, Size
from server.model.config import REALCAM_512, REALCAM_1024, TINY, TRAINABLE, ModelConfig
from server.model.model import OFFLOADED_PARTS, RealCamModel, offloaded, random_model
from server.model.tokenizer import ByteTokenizer
from server.model.unet.unet import UNet
from server.service.workers.checkpoints import FileCheckpoints
from tests.support.shots import realcam_shot, sideways, with_options

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


NEEDS = {FAST: 10 * GB, PLAIN: 7 * GB, SMALL: 2 * GB}


@pytest.mark.parametrize(
    ("wish", "device", "total", "expected"),
    [
        ("auto", "cuda", 24, FAST),
        ("auto", "cuda", 8, PLAIN),
        ("auto", "cuda", 4, SMALL),
        ("auto", "cuda", 1, SMALL),
        ("auto", "cpu", 24, PLAIN),
        ("fast", "cuda", 4, FAST),
        ("fast", "cpu", 4, PLAIN),
        ("small", "cuda", 24, SMALL),
    ],
)
def test_the_plan_fits_the_device_and_the_wish(wish: str, device: str, total: int, expected: MemoryPlan) -> None:
    assert first_plan(wish, device, NEEDS, total * GB) == expected


def test_each_plan_to_fall_back_to_needs_less() -> None:
    assert with_fall_backs(FAST, "cuda", NEEDS) == (FAST, PLAIN, SMALL)
    assert with_fall_backs(PLAIN, "cpu", NEEDS) == (PLAIN, SMALL)
    assert with_fall_backs(SMALL, "cuda", NEEDS) == (SMALL,)


def test_a_plan_that_saves_nothing_is_neither_chosen_nor_tried() -> None:
    """On the CPU small differs in decoding alone, and that is not what 16 frames of 512 x 320 need most memory for."""
    needs = {
        plan: needed_memory(REALCAM_512, (512, 320), 16, torch.float32, plan, "cpu") for plan in (FAST, PLAIN, SMALL)
    }
    assert first_plan("auto", "cpu", needs, GB) == PLAIN
    assert with_fall_backs(PLAIN, "cpu", needs) == (PLAIN,)


def test_what_would_fit_is_worked_out() -> None:
    sources = list(SIZES.items())
    assert what_would_fit(sources, 16, 40 * GB, "cuda").startswith("1024 x 576 in bfloat16 would fit")
    need = needed_memory(REALCAM_512, (512, 320), 16, torch.bfloat16, SMALL, "cuda")
    assert re.match(r"(512 x 320|320 x 512) in bfloat16 would fit", what_would_fit(sources, 16, need, "cuda"))
    assert what_would_fit(sources, 16, 2**20, "cuda").startswith("Nothing would fit: the least, 256 x 256 in bfloat16")


class Wide(RandomWeights):
    """Pictures wide enough that decoding them in tiles saves memory on the CPU too."""

    def sizes(self) -> tuple[Size, ...]:
        return ((768, 64), (128, 64))


class Shortage:
    """The first `failures` passes through the network fail as CUDA fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failures = 0
        forward = UNet.forward

        def failing(network: UNet, *arguments: object) -> object:
            if self.failures:
                self.failures -= 1
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(network, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(UNet, "forward", failing)


@pytest.fixture
def shortage(monkeypatch: pytest.MonkeyPatch) -> Shortage:
    return Shortage(monkeypatch)


@pytest.fixture(scope="module")
def wide(bike: Motorcycle) -> Shot:
    return realcam_shot(bike, sideways(2, 768, 64), steps=2, shaping="off")


@pytest.fixture(scope="module")
def engine() -> RealCamEngine:
    return RealCamEngine(Wide("tiny"))


@pytest.fixture(scope="module")
def small_clip(engine: RealCamEngine, wide: Shot) -> np.ndarray:
    """What the plan small makes of it, undisturbed: seen in its frames that tiles are another picture."""
    plain, small = (engine.generate(with_options(wide, memory=wish), quiet).frames for wish in ("fast", "small"))
    assert not np.array_equal(plain, small)
    return small


def quiet(step: JobProgress) -> None:
    """Nobody listens."""


def test_memory_that_runs_out_once_is_made_do_with(
    engine: RealCamEngine, wide: Shot, small_clip: np.ndarray, shortage: Shortage
) -> None:
    """The shot is made again, whole, with the smaller plan, and the clip says so."""
    shortage.failures = 1
    clip = engine.generate(wide, quiet)
    assert np.array_equal(clip.frames, small_clip)
    assert "memory plan small" in clip.metadata.engine_version
    assert any("seams" in note for note in clip.notes)
    shortage.failures = 2
    with pytest.raises(EngineError, match=r"ran out of memory.*768 x 64 pixels need about.*GB are free.*would fit"):
        engine.generate(wide, quiet)
    assert "memory plan plain" in engine.generate(wide, quiet).metadata.engine_version, "the model is loaded anew"


def test_where_no_plan_needs_less_it_is_said_at_once(
    engine: RealCamEngine, bike: Motorcycle, shortage: Shortage
) -> None:
    shortage.failures = 2
    with pytest.raises(EngineError, match="ran out of memory"):
        engine.generate(realcam_shot(bike, sideways(2, 128, 64), shaping="off"), quiet)
    assert shortage.failures == 1


class StopAfter:
    """Reports that note the steps, and a stop that is wanted once a step was done."""

    def __init__(self, step: int) -> None:
        self.step, self.steps = step, list[int]()

    def report(self, step: JobProgress) -> None:
        if step.stage == "Sampling":
            self.steps.append(step.done)

    def wanted(self) -> bool:
        return bool(self.steps) and self.steps[-1] >= self.step


def test_a_shot_that_ran_out_of_memory_goes_on_in_the_plan_it_was_in(
    engine: RealCamEngine, wide: Shot, small_clip: np.ndarray, shortage: Shortage, tmp_path: Path
) -> None:
    """Memory suffices again when it goes on: to change plans would be to begin anew, and another clip."""
    shortage.failures, stop, never = 1, StopAfter(1), StopAfter(99)
    with pytest.raises(Paused):
        engine.generate_resumable(wide, stop.report, FileCheckpoints(tmp_path, stop.wanted))
    clip = engine.generate_resumable(wide, never.report, FileCheckpoints(tmp_path, never.wanted))
    assert never.steps[0] == 2
    assert np.array_equal(clip.frames, small_clip)
    assert "memory plan small" in clip.metadata.engine_version


def test_memory_that_runs_out_when_a_shot_goes_on(
    engine: RealCamEngine, wide: Shot, small_clip: np.ndarray, shortage: Shortage, tmp_path: Path
) -> None:
    """It begins anew in the smaller plan, and no later attempt goes back, even if this one ended before one was due."""
    stop = StopAfter(1)
    with pytest.raises(Paused):
        engine.generate_resumable(wide, stop.report, FileCheckpoints(tmp_path, stop.wanted))
    shortage.failures = 1

    def ended(step: JobProgress) -> None:
        if step.stage == "Sampling" and not shortage.failures:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine.generate_resumable(wide, ended, FileCheckpoints(tmp_path, lambda: False))
    clip = engine.generate_resumable(wide, quiet, FileCheckpoints(tmp_path, lambda: False))
    assert "memory plan small" in clip.metadata.engine_version
    assert np.array_equal(clip.frames, small_clip)


def test_another_error_is_not_taken_for_memory() -> None:
    def failing(plan: MemoryPlan) -> None:
        raise RuntimeError("another matter")

    with pytest.raises(RuntimeError, match="another matter"):
        first_within_memory(failing, (PLAIN, SMALL), lambda: None)


def test_offloaded_weights_make_the_same_picture(tmp_path: Path) -> None:
    """On the CPU with the weights on disk: a layer whose weights were not brought would compute with nothing."""
    from server.model.sampling.conditions import BoundDenoiser, bind, context_tokens

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
    shot = realcam_shot(bike, sideways(4, 128, 64), memory="small", precision="float32")
    roomy = with_options(shot, memory="fast")
    small, fast = (engine.generate(s, lambda _: None).frames.astype(int) for s in (shot, roomy))
    assert np.abs(small - fast).mean() < 1.0


def test_tiles_are_another_picture_and_how_much() -> None:
    """640 x 384 in four tiles against the same in one piece, with a reduced model; the manual says it of 1024 x 576."""
    vae = random_model(TINY, ByteTokenizer(TINY.clip.vocabulary)).vae
    coarse = torch.randn(1, 4, 12, 20, generator=torch.Generator().manual_seed(0))
    latents = torch.nn.functional.interpolate(coarse, (48, 80), mode="bicubic")[:, :, None]
    with torch.inference_mode():
        whole, tiled = vae.decode(latents), vae.decode(latents, tiled=True)
        fits = vae.decode(latents[..., :40, :64], tiled=True)
        assert torch.equal(fits, vae.decode(latents[..., :40, :64])), "512 x 320 is one tile: exact"
    error = (whole - tiled).abs() * 127.5
    assert 0.5 < error.mean() < 5
    assert error.max() < 75


@pytest.mark.parametrize("config", TRAINABLE.values(), ids=lambda config: config.name)
def test_the_least_memory_is_what_the_smallest_plans_need(config: ModelConfig) -> None:
    """The figures that grey the engine out, which must be known without PyTorch, are those of the plans."""

    def needed(plan: MemoryPlan, device: str) -> float:
        return needed_memory(config, config.size, 16, torch.bfloat16, plan, device) / GB

    least = LEAST[config.name]
    assert least.whole == pytest.approx(needed(PLAIN, "cuda"), abs=0.01)
    assert least.whole == pytest.approx(min(needed(plan, "cpu") for plan in (PLAIN, SMALL)), abs=0.01)
    assert least.by_layer == pytest.approx(needed(SMALL, "cuda"), abs=0.01)
    away = sum(count for part, count in parameter_counts(config).items() if part in OFFLOADED_PARTS)
    assert least.weights == pytest.approx(away * torch.bfloat16.itemsize / GB, abs=0.01)


@pytest.mark.parametrize(
    "words",
    [
        "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_memory_that_ran_out_in_words(words: str) -> None:
    assert is_out_of_memory(RuntimeError(words))
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
