"""The engine `realcam` with its network compiled, which takes minutes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("transformers", reason="transformers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

import torch

from blender_addon.core.errors import EngineError
from blender_addon.core.progress import JobProgress
from server.demo.motorcycle import Motorcycle
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.sources import RandomWeights
from server.model.sampling.compiled import check_compiler
from tests.support.shots import realcam_shot, sideways, with_options

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")
"""PyTorch's own, when its compiler is imported."""


def quiet(step: JobProgress) -> None:
    """Nobody listens."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_clip_is_the_same_compiled_but_for_rounding(bike: Motorcycle) -> None:
    """All blocks of the tiny model, each compiled for its size."""
    try:
        check_compiler(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    except EngineError as error:
        pytest.skip(f"nothing was compiled: {error.sentence}")
    engine = RealCamEngine(RandomWeights("tiny"))
    # Of a small picture the deepest norms see two values a group: +1 and -1, whichever way rounding put them.
    shot = realcam_shot(bike, sideways(2, 256, 256), precision="float32")
    plain = engine.generate(shot, quiet).frames.astype(int)
    counters = torch._dynamo.utils.counters
    counters.clear()
    compiled = engine.generate(with_options(shot, compile_blocks=True), quiet).frames.astype(int)
    assert counters["stats"]["unique_graphs"] > 8
    difference = np.abs(compiled - plain)
    assert difference.max() <= 1
    assert difference.mean() < 0.01
