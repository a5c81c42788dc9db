"""Which memory plan is chosen, what is said of it, and what a machine too small is told. No torch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import EngineError
from server.engines.machine_memory import GB, Machine
from server.engines.pipelines.memory.need import memory_need
from server.engines.pipelines.memory.plans import (
    GROUP,
    GROUP_TILED,
    MODEL,
    MODEL_TILED,
    WHOLE,
    WHOLE_TILED,
    Demand,
    choose_plan,
    fall_backs,
    fitting,
    known_plans,
    needed,
    shortage,
    wished_plan,
)
from server.engines.pipelines.memory.sizes import SIZES
from server.engines.pipelines.weights.catalogue import PIPELINE_WEIGHTS

SMALL = Demand(832, 480, 81)
LARGE = Demand(1280, 720, 81)


def machine(card: float | None, memory: float = 64) -> Machine:
    return Machine(int(memory * GB), None if card is None else int(card * GB))


@pytest.mark.parametrize(
    ("name", "demand", "card", "plan"),
    [
        ("vace", SMALL, 24, "whole"),
        ("vace", SMALL, 12, "model"),
        ("vace", SMALL, 8, "group-tiled"),
        ("vace", LARGE, 24, "whole-tiled"),
        ("vace-14b", SMALL, 80, "whole"),
        ("vace-14b", SMALL, 24, "group"),
        ("vace-14b", LARGE, 48, "group"),
        ("wan-i2v", Demand(1280, 704, 121), 24, "whole-tiled"),
        ("sana-wm", Demand(1280, 704, 161), 24, "whole-tiled"),
        ("sana-wm-refiner", Demand(1280, 704, 161), 80, "whole"),
        ("sana-wm-refiner", Demand(1280, 704, 161), 48, "group"),
        ("sana-wm-refiner", Demand(1280, 704, 161), 24, "group-tiled"),
    ],
)
def test_the_first_plan_that_fits_is_chosen(name: str, demand: Demand, card: float, plan: str) -> None:
    """Exact before tiled, fast before slow."""
    assert choose_plan(SIZES[name], demand, machine(card)).plan.name == plan


def test_what_is_chosen_is_said_with_numbers() -> None:
    chosen = choose_plan(SIZES["vace"], SMALL, machine(24))
    assert chosen.words == "everything on the card: 15.0 of 24.0 GB of the card's memory, calculated"
    assert chosen.encoder_on_card
    small = choose_plan(SIZES["vace"], SMALL, machine(8))
    assert "one after the other, slower, decoded in tiles: 5.3 of 8.0 GB" in small.words
    assert not small.encoder_on_card, "11.4 GB of text encoder do not fit into 8"


def test_a_card_too_small_is_told_what_would_fit() -> None:
    with pytest.raises(EngineError) as error:
        choose_plan(SIZES["vace-14b"], LARGE, machine(8))
    assert error.value.what == "Wan2.1-VACE 14B cannot make this clip on this machine"
    assert "1280 x 720, 81 frames: it needs" in error.value.why
    assert "of 8.0 GB 7.2 GB may be used" in error.value.why
    size, frames = error.value.remedy.split(" would fit.")[0].split(", ")
    width, height = (int(side) for side in size.split(" x "))
    fits = Demand(width, height, int(frames.removesuffix(" frames")))
    assert choose_plan(SIZES["vace-14b"], fits, machine(8)).plan in (GROUP, GROUP_TILED)


def test_a_machine_with_too_little_memory_beside_its_card_is_told() -> None:
    """Weights that are sent to the card piece by piece wait in the machine's memory."""
    lacks = shortage(SIZES["vace-14b"], SMALL, machine(24, memory=16))
    assert "of memory beside the card's (calculated), of 16.0 GB 14.4 GB may be used" in lacks
    with pytest.raises(EngineError, match="Nothing would fit, not even"):
        choose_plan(SIZES["vace-14b"], SMALL, machine(24, memory=16))


def test_without_a_card_the_processor_is_named() -> None:
    chosen = choose_plan(SIZES["vace"], SMALL, machine(None))
    assert chosen.plan is WHOLE
    assert chosen.words.startswith("on the processor: ")
    assert not chosen.encoder_on_card


def test_a_wish_is_a_command() -> None:
    assert choose_plan(SIZES["vace"], SMALL, machine(4), wish="whole").plan is WHOLE


def test_of_a_list_of_clips_those_that_fit() -> None:
    assert fitting(SIZES["vace-14b"], (SMALL, LARGE), machine(16)) == (SMALL,)


@given(
    name=st.sampled_from(sorted(SIZES)),
    cells=st.tuples(st.integers(10, 60), st.integers(10, 40)),
    frames=st.integers(2, 40),
    card=st.floats(2, 200),
)
def test_a_larger_card_never_loses_a_clip(name: str, cells: tuple[int, int], frames: int, card: float) -> None:
    """A chosen plan fits, one that fits is found, and what saves memory needs less of the card."""
    sizes = SIZES[name]
    demand = Demand(cells[0] * sizes.cell, cells[1] * sizes.cell, 8 * frames + 1)
    for saving, plan in ((MODEL, WHOLE), (MODEL_TILED, WHOLE_TILED), (GROUP_TILED, GROUP), (MODEL_TILED, MODEL)):
        assert needed(sizes, demand, saving).device <= needed(sizes, demand, plan).device
    small, large = machine(card, 1000), machine(1.5 * card, 1000)
    if shortage(sizes, demand, small):
        with pytest.raises(EngineError):
            choose_plan(sizes, demand, small)
        return
    assert not shortage(sizes, demand, small, choose_plan(sizes, demand, small).plan)
    assert not shortage(sizes, demand, large)


def test_every_pipeline_that_can_be_got_has_sizes() -> None:
    assert SIZES.keys() == PIPELINE_WEIGHTS.keys()


def test_what_an_artist_is_told_before_choosing() -> None:
    need = memory_need("vace", SMALL, machine(4))
    assert (need.on_card, need.enough, need.there) == (True, False, 4 * GB)
    assert need.least == round(needed(SIZES["vace"], SMALL, GROUP_TILED).device)
    alone = memory_need("sana-wm", SMALL, machine(None))
    assert (alone.on_card, alone.enough, alone.there) == (False, True, 64 * GB)


def test_the_table_of_the_manual_is_what_is_calculated() -> None:
    manual = (Path(__file__).parents[5] / "docs" / "engines.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\d+) x (\d+) \| (\d+) \| (.*) \|$", manual, re.MULTILINE)
    assert {row[0] for row in rows} == set(SIZES)
    for name, width, height, frames, said in rows:
        sizes, demand = SIZES[name], Demand(int(width), int(height), int(frames))
        plans = (WHOLE, MODEL, GROUP, MODEL_TILED, GROUP_TILED)
        found = [needed(sizes, demand, plan).device for plan in plans] + [needed(sizes, demand, MODEL).machine]
        assert [f"{count / GB:.1f}" for count in found] == said.split(" | "), name


@pytest.mark.parametrize("name", SIZES)
def test_after_a_plan_that_ran_out_only_smaller_ones_are_tried(name: str) -> None:
    """To the smallest of all; on the processor there are but tiles."""
    for plan in (WHOLE, MODEL, GROUP, GROUP_TILED):
        tried = (plan, *fall_backs(SIZES[name], SMALL, plan, on_card=True))
        sizes = [needed(SIZES[name], SMALL, each).device for each in tried]
        assert sizes == sorted(set(sizes), reverse=True)
        assert sizes[-1] == min(needed(SIZES[name], SMALL, each).device for each in known_plans(on_card=True))
    assert fall_backs(SIZES[name], SMALL, WHOLE, on_card=False) == (WHOLE_TILED,)
    assert fall_backs(SIZES[name], SMALL, WHOLE_TILED, on_card=False) == ()


def test_without_a_card_a_wished_plan_is_what_the_processor_can_do_of_it() -> None:
    assert wished_plan("group-tiled", on_card=False) == WHOLE_TILED
    assert wished_plan("model", on_card=False) == WHOLE
    assert wished_plan("group-tiled", on_card=True) == GROUP_TILED
