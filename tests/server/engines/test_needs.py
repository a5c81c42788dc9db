"""What each engine of the product needs of a machine, and that it is what its own memory plans say."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.engines.engine import UNDECLARED, EngineNeeds, needs_of
from server.engines.machine_memory import Machine
from server.engines.pipelines.engine import PipelineEngine
from server.engines.pipelines.memory.need import card_memory_for
from server.engines.pipelines.memory.plans import WHOLE, choose_plan, shortage
from server.engines.pipelines.memory.sizes import SIZES
from server.engines.pipelines.sources import InstalledPipeline
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.facts import card_memory
from server.engines.realcam.memory.minimum_memory import shortage as realcam_shortage
from server.engines.realcam.sources import InstalledWeights, RandomWeights
from server.engines.registry import served
from server.engines.sana_wm.engine import SanaEngine
from server.engines.vace.engine import VaceEngine
from server.engines.wan_i2v.engine import WanEngine
from server.model.weights.weights_store import WeightsStore
from tests.support.engines.misbehaving import CopyEngine

PLENTY = 2**40
"""Bytes of the machine's memory."""


def test_short_jobs_need_no_card_and_networks_one() -> None:
    needs = {name: needs_of(make()) for name, make in served().items()}
    assert needs["draft"] == needs["camera-check"] == EngineNeeds()
    assert needs["depth-pro"] == needs["depth-anything-indoor-small"] == EngineNeeds(faster_on_card=True)
    for name in ("realcam", "vace", "wan-i2v", "sana-wm"):
        assert needs[name].cards == 1
        assert needs[name].without_card == "alone", "a clip on the processor takes hours"
    assert needs_of(CopyEngine()) == UNDECLARED, "an engine of somebody's own gets a card where there is one, as before"


@pytest.mark.parametrize("engine", [VaceEngine, WanEngine, SanaEngine])
def test_a_pipeline_s_card_is_the_smallest_on_which_its_smallest_clip_fits(engine: type[PipelineEngine]) -> None:
    name, smallest = engine.traits.name, engine.traits.smallest
    card = card_memory_for(name, smallest)
    assert shortage(SIZES[name], smallest, Machine(PLENTY, card + 2)) == ""
    assert "the card's memory" in shortage(SIZES[name], smallest, Machine(PLENTY, int(0.99 * card)))


def test_several_cards_share_a_pipeline_s_network_where_each_holds_all_of_it() -> None:
    traits = WanEngine.traits
    card = card_memory_for(traits.name, traits.smallest, [WHOLE])
    assert choose_plan(SIZES[traits.name], traits.smallest, Machine(PLENTY, card + 2)).plan == WHOLE
    assert choose_plan(SIZES[traits.name], traits.smallest, Machine(PLENTY, int(0.99 * card))).plan != WHOLE
    assert needs_of(WanEngine([InstalledPipeline(traits.name)])) == EngineNeeds(
        cards=1,
        card_memory=card_memory_for(traits.name, traits.smallest),
        without_card="alone",
        most_cards=8,
        each_of_several=card,
    )


def test_realcam_s_card_is_the_smallest_on_which_its_smallest_clip_fits(tmp_path: Path) -> None:
    card = card_memory(InstalledWeights(WeightsStore(tmp_path)))
    assert realcam_shortage(Machine(PLENTY, card + 2), ["realcam-512"]) == ""
    assert "the card's memory" in realcam_shortage(Machine(PLENTY, int(0.99 * card)), ["realcam-512"])
    assert RealCamEngine(RandomWeights("tiny")).needs.card_memory == 0
