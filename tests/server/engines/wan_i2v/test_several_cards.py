"""A clip of `wan-i2v` whose network two processes share, on the processor in place of two cards."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("accelerate", reason="accelerate is not installed: the model tests were not run")

import torch

from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress
from server.demo.motorcycle import Motorcycle
from server.engines.compute_device import compute_devices
from server.engines.engine import Cancelled
from server.engines.pipelines.parallel.other_cards import HelperLostError, OtherCards
from server.engines.pipelines.runner import PipelineRunner
from server.engines.pipelines.sources import RandomPipeline
from server.engines.wan_i2v.adapter import WanAdapter
from server.engines.wan_i2v.random_pipeline import save_random_pipeline
from server.engines.wan_i2v.rule import NAME
from server.engines.wan_i2v.settings import read_settings
from tests.support.shots import realcam_shot, sideways

pytestmark = pytest.mark.filterwarnings("ignore:.*all_gather_tensor:FutureWarning")
"""diffusers calls it by its older name."""
CPU = torch.device("cpu")
OPTIONS = {"steps": 2, "hold": "off", "keep_seen": False}


@pytest.fixture(scope="module")
def source() -> RandomPipeline:
    return RandomPipeline(NAME, save_random_pipeline)


def wan_shot(bike: Motorcycle, frames: int, width: int, height: int) -> Shot:
    made = realcam_shot(bike, sideways(frames, width, height))
    return replace(made, settings=msgspec.structs.replace(made.settings, engine=NAME, options=OPTIONS))


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    return wan_shot(bike, 5, 128, 64)


def quiet(_: JobProgress) -> None:
    """Nobody listens."""


def made(runner: PipelineRunner, shot: Shot, report: Callable[[JobProgress], None] = quiet) -> Clip:
    return runner.run(shot, WanAdapter(read_settings(shot.settings.options)), report)


def helpers() -> list[psutil.Process]:
    return [
        child for child in psutil.Process().children() if "server.engines.pipelines.parallel.helper" in child.cmdline()
    ]


def test_two_processes_make_the_clip_of_one_and_the_loss_of_one_is_said(
    source: RandomPipeline, shot: Shot, bike: Motorcycle
) -> None:
    odd = wan_shot(bike, 9, 96, 96)
    alone = made(PipelineRunner(source, "", [CPU]), shot)
    runner = PipelineRunner(source, "", [CPU, CPU])
    shared = made(runner, shot)
    assert np.abs(shared.frames.astype(int) - alone.frames).max() <= 1
    assert "float32 on 2 x cpu, memory plan whole" in shared.metadata.engine_version
    (helper,) = helpers()

    def lose(step: JobProgress) -> None:
        if step.stage == "Sampling":
            os.kill(helper.pid, signal.SIGKILL)

    with pytest.raises(HelperLostError, match="card 2 of 2 ended"):
        made(runner, shot, lose)
    assert helpers() == []
    assert "on cpu, memory plan" in made(runner, odd).metadata.engine_version, "27 tokens are computed by one, whole"


@pytest.mark.slow
def test_a_cancel_ends_the_helpers_and_the_next_clip_has_others(source: RandomPipeline, shot: Shot) -> None:
    runner = PipelineRunner(source, "", [CPU, CPU])

    def cancel(step: JobProgress) -> None:
        if step.stage == "Sampling":
            raise Cancelled

    with pytest.raises(Cancelled):
        made(runner, shot, cancel)
    assert helpers() == []
    frames, (helper,) = made(runner, shot).frames, helpers()
    assert np.array_equal(made(runner, shot).frames, frames)
    assert helpers() == [helper], "the next clip finds the network loaded"
    runner.release()
    assert helpers() == []
    assert np.abs(frames.astype(int) - made(PipelineRunner(source, "", [CPU]), shot).frames).max() <= 1


@pytest.mark.slow
def test_what_a_helper_cannot_do_is_said_in_its_words(tmp_path: Path) -> None:
    others = OtherCards("WanTransformer3DModel", tmp_path, torch.float32, [CPU, CPU])
    with (
        pytest.raises(EngineError, match=r"card 2 of 2 ended.*files cannot be loaded"),
        others.at_work(torch.nn.Identity(), lambda: None),
    ):
        raise AssertionError("it cannot begin")
    assert helpers() == []


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two cards: nothing was computed on two")
def test_two_cards_make_what_one_makes(source: RandomPipeline, shot: Shot) -> None:
    devices = compute_devices()[:2]
    runner = PipelineRunner(source, "", devices)
    shared = made(runner, shot)
    runner.release()
    assert "on 2 x cuda" in shared.metadata.engine_version
    assert np.abs(shared.frames.astype(int) - made(PipelineRunner(source, "", devices[:1]), shot).frames).max() <= 4
