"""What the engine `realcam` says of itself before an artist chooses it. Needs no PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest

from blender_addon.core.protocol.engine_comparison import memory_words, reads_words, weights_words
from blender_addon.core.protocol.engine_facts import NOT_CLEAR, EngineFacts
from server.engines.realcam import facts
from server.engines.realcam.engine import RealCamEngine
from server.engines.realcam.facts import engine_facts
from server.engines.realcam.memory.minimum_memory import GB, Machine
from server.engines.realcam.sources import InstalledWeights, RandomWeights
from server.model.weights.weights_store import WeightsStore


def test_without_weights_it_says_how_they_are_got(tmp_path: Path) -> None:
    said = engine_facts(InstalledWeights(WeightsStore(tmp_path)))
    assert (said.weights_here, said.get_weights) == (False, "realcam weights get realcam-512")
    assert weights_words(said) == "not on this server"
    assert said.commercial == NOT_CLEAR


@pytest.mark.parametrize(
    ("memory", "card", "words"),
    [
        (64, None, "from 7.4 GB of memory; this server has 64"),
        (4, None, "from 7.4 GB of memory; this server has 4: too little"),
        (64, 3, "from 1.9 GB of a graphics card; this server has 3"),
        (64, 1, "from 1.9 GB of a graphics card; this server has 1: too little"),
    ],
)
def test_it_says_what_memory_it_takes_and_whether_that_is_here(
    memory: int, card: int | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(memory * GB, None if card is None else card * GB)
    monkeypatch.setattr(facts, "this_machine", lambda: machine)
    assert memory_words(engine_facts(InstalledWeights(WeightsStore(tmp_path)))) == words


def test_the_capability_carries_it() -> None:
    """Random weights come from nowhere and need no more memory than any machine has."""
    capability = RealCamEngine(RandomWeights("tiny")).capability
    assert reads_words(capability) == "photo, preview, camera, lens, words, last image"
    assert isinstance(capability.about, EngineFacts)
    assert (capability.about.licences, capability.about.memory) == ((), None)
