"""The engine `realcam` on a card: every memory plan in every precision, which cannot be run without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

import torch

from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress
from server.demo.motorcycle import Motorcycle
from server.engines.engine import Paused
from server.engines.realcam import runner
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.memory.memory_plan import FAST, PLAIN, SMALL, MemoryPlan
from server.engines.realcam.sources import RandomWeights
from server.service.workers.checkpoints import FileCheckpoints
from tests.support.shots import realcam_shot, sideways, with_options

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = pytest.mark.skipif(DEVICE == "cpu", reason="no CUDA: memory plans and precisions on a card were not run")


@pytest.fixture(params=[FAST, PLAIN, SMALL], ids=lambda plan: plan.name)
def plan(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> MemoryPlan:
    """The plan that the engine takes, however large the card is: no option asks for plain."""
    chosen: MemoryPlan = request.param
    monkeypatch.setattr(runner, "first_plan", lambda *_: chosen)
    return chosen


@pytest.fixture(scope="module")
def engine() -> RealCamEngine:
    return RealCamEngine(RandomWeights("tiny"))


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    """Guided by the prompt and by the camera: two branches for a batch, one beside it."""
    return realcam_shot(bike, sideways(4, 128, 64), steps=3, camera_guidance=1.5, shaping="off", precision="float32")


def quiet(step: JobProgress) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def exact(engine: RealCamEngine, shot: Shot) -> np.ndarray:
    """The clip in float32, one branch after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "first_plan", lambda *_: PLAIN)
        return engine.generate(shot, quiet).frames.astype(int)


@pytest.fixture(scope="module")
def another(engine: RealCamEngine, shot: Shot, exact: np.ndarray) -> float:
    """How far a clip of another seed is from it, on average."""
    other = replace(shot, settings=msgspec.structs.replace(shot.settings, seed=shot.settings.seed + 1))
    return float(np.abs(engine.generate(other, quiet).frames.astype(int) - exact).mean())


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_plan_makes_the_same_clip_but_for_rounding(
    engine: RealCamEngine, shot: Shot, exact: np.ndarray, another: float, plan: MemoryPlan, precision: str
) -> None:
    clip = engine.generate(with_options(shot, precision=precision), quiet)
    assert f"{precision} on {DEVICE}, memory plan {plan.name}" in clip.metadata.engine_version
    error = np.abs(clip.frames.astype(int) - exact).mean()
    assert error < (1.0 if precision == "float32" else another / 2)


def test_every_plan_goes_on_to_the_same_clip(
    engine: RealCamEngine, shot: Shot, plan: MemoryPlan, tmp_path: Path
) -> None:
    steps: list[int] = []

    def note(step: JobProgress) -> None:
        if step.stage == "Sampling":
            steps.append(step.done)

    with pytest.raises(Paused):
        engine.generate_resumable(shot, note, FileCheckpoints(tmp_path, lambda: bool(steps)))
    steps.clear()
    clip = engine.generate_resumable(shot, note, FileCheckpoints(tmp_path, lambda: False))
    assert steps[0] == 2
    assert np.array_equal(clip.frames, engine.generate(shot, quiet).frames)


def test_auto_takes_the_card_for_what_it_is(engine: RealCamEngine, shot: Shot) -> None:
    """Half precision, bfloat16 where the card computes in it, and batches: any card has room for this model's."""
    half = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    version = engine.generate(with_options(shot, precision="auto"), quiet).metadata.engine_version
    assert f"{half} on cuda, memory plan fast" in version


def test_out_of_memory_as_the_card_says_it(engine: RealCamEngine, shot: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card with no room at all for the fast plan's batch: PyTorch's own error, and a clip from a smaller plan."""
    from server.model.unet.unet import UNet

    forward = UNet.forward

    def greedy(network: UNet, latent: torch.Tensor, *arguments: object) -> object:
        if len(latent) > 1:
            torch.empty(2**50, dtype=torch.uint8, device=latent.device)
        return forward(network, latent, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(UNet, "forward", greedy)
    clip = engine.generate(with_options(shot, memory="fast"), quiet)
    assert "memory plan fast" not in clip.metadata.engine_version
