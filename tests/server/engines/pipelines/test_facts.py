"""What engines on the catalogue's weights say of themselves before an artist chooses one."""

from __future__ import annotations

from pathlib import Path

import pytest

from blender_addon.core.protocol.engine_comparison import licence_sentences, weights_words
from blender_addon.core.protocol.engine_facts import CAMERA, LENS, NOT_CLEAR, PHOTO, PREVIEW, YES
from server.engines.pipelines.facts import pipeline_facts
from server.model.weights.weights_store import WeightsStore


@pytest.fixture(autouse=True)
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights on this machine."""
    monkeypatch.setattr("server.engines.pipelines.weights.installed.default_store", lambda: WeightsStore(tmp_path))


def test_vace_may_be_sold_and_is_to_be_got() -> None:
    said = pipeline_facts("vace", (PHOTO, PREVIEW))
    assert said.commercial == YES
    assert weights_words(said) == "19.0 GB, not on this server"
    assert said.get_weights == "realcam weights get vace"
    (alike, encoder) = licence_sentences(said)
    assert alike.startswith("transformer, VAE: Apache-2.0; commercial use: yes")
    assert encoder.startswith("text encoder UMT5-XXL: Apache-2.0; commercial use: yes")


def test_the_parts_of_sana_wm_stand_apart_and_nothing_more_is_said_than_is_known() -> None:
    said = pipeline_facts("sana-wm", (PHOTO, CAMERA, LENS))
    assert said.commercial == NOT_CLEAR
    assert len(licence_sentences(said)) == len(said.licences) == 3
    assert not any("refiner" in part.part for part in said.licences), "clips are made without it"


def test_a_size_that_is_not_known_is_not_said() -> None:
    assert weights_words(pipeline_facts("vace-14b", (PHOTO, PREVIEW))) == "not on this server"
