"""A shot whose branches of guidance are computed on two cards, for which the processor stands in twice."""

from __future__ import annotations

from pathlib import Path

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
from server.engines import compute_device
from server.engines.engine import Paused
from server.engines.machine_memory import USABLE
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.memory.memory_plan import (
    FAST,
    PLAIN,
    SMALL,
    TWO_CARDS,
    first_plan,
    needed_memory,
    with_fall_backs,
)
from server.engines.realcam.runner import Runner
from server.engines.realcam.sources import InstalledWeights, RandomWeights
from server.model.config import REALCAM_512
from server.model.weights.weights_store import WeightsStore
from server.service.workers.checkpoints import FileCheckpoints
from tests.support.shots import realcam_shot, sideways, with_options

GB = 2**30
NEEDS = {TWO_CARDS: 7 * GB, FAST: 10 * GB, PLAIN: 7 * GB, SMALL: 2 * GB}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shot(bike: Motorcycle) -> Shot:
    return realcam_shot(bike, sideways(2, 128, 64), steps=2, shaping="off", keep_seen=False)


class Steps:
    """Notes the steps that were taken here, and wants to stop after the first."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def report(self, step: JobProgress) -> None:
        if step.stage == "Sampling":
            self.taken.append(step.done)

    def stop(self) -> bool:
        return bool(self.taken)


def test_a_clip_begun_on_two_cards_goes_on_with_one_to_the_same_clip(shot: Shot, tmp_path: Path) -> None:
    both, one, steps, more = Runner(RandomWeights("tiny"), [CPU, CPU]), Runner(RandomWeights("tiny")), Steps(), Steps()
    whole = one.run(shot, Steps().report)
    with pytest.raises(Paused):
        both.run(shot, steps.report, FileCheckpoints(tmp_path, steps.stop))
    clip = one.run(shot, more.report, FileCheckpoints(tmp_path, lambda: False))
    assert (steps.taken, more.taken) == ([1], [2]), "the checkpoint was gone on from"
    assert np.abs(clip.frames.astype(int) - whole.frames).max() <= 1
    unguided = both.run(with_options(shot, guidance=1.0, steps=1), Steps().report)
    assert unguided.metadata.engine_version.endswith("memory plan plain"), "without guidance there is one branch"


@pytest.mark.parametrize(
    ("wish", "total", "expected"), [("auto", 24, TWO_CARDS), ("auto", 4, SMALL), ("small", 24, SMALL)]
)
def test_two_cards_are_used_where_each_holds_the_network(wish: str, total: int, expected: object) -> None:
    assert first_plan(wish, "cuda", NEEDS, total * GB, cards=2) == expected
    assert with_fall_backs(TWO_CARDS, "cuda", NEEDS) == (TWO_CARDS, PLAIN, SMALL), "the other card may be short alone"


def test_the_need_of_two_cards_is_that_of_the_whole_network_on_each(tmp_path: Path) -> None:
    needs = RealCamEngine(InstalledWeights(WeightsStore(tmp_path))).needs
    assert (needs.cards, needs.most_cards) == (1, 2)
    assert needs.each_of_several > needs.card_memory, "to one card weights may come layer by layer"
    need = needed_memory(REALCAM_512, (512, 320), 16, torch.bfloat16, TWO_CARDS, "cuda")
    assert need == pytest.approx(USABLE * needs.each_of_several, rel=0.01)


def test_cards_of_another_kind_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        def __init__(self, name: str) -> None:
            self.name, self.total_memory = name, 24 * GB

    cards = [Properties("one kind"), Properties("another"), Properties("one kind")]
    monkeypatch.setattr(compute_device, "compute_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cards))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: cards[number])
    assert compute_device.compute_devices() == (torch.device("cuda"), torch.device("cuda", 2))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two cards: nothing was computed on two")
def test_two_cards_make_what_one_makes(shot: Shot) -> None:
    devices = compute_device.compute_devices()
    assert len(devices) > 1, "cards of different kinds"
    precise = with_options(shot, precision="float32", camera_guidance=1.5)
    two, one = (Runner(RandomWeights("tiny"), chosen).run(precise, Steps().report) for chosen in (devices, devices[:1]))
    assert two.metadata.engine_version.endswith("memory plan two-cards")
    assert np.abs(two.frames.astype(int) - one.frames).max() <= 1
