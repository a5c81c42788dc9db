"""Prompts read by a text encoder that runs alone: on the card where it fits, else on the processor, else not."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("diffusers", reason="diffusers is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the model tests were not run")

import torch

from blender_addon.core.errors import EngineError
from server.engines.pipelines.sources import RandomPipeline
from server.engines.pipelines.watch import Watch
from server.engines.pipelines.words.reading import Words, WordsReader
from server.engines.vace.adapter import VaceAdapter
from server.engines.vace.random_pipeline import save_random_pipeline
from server.engines.vace.settings import read_settings

CARD = torch.device("meta")
"""Stands for a card: a device that is not the processor."""


def test_where_the_card_s_memory_runs_out_the_words_are_read_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = VaceAdapter.encode
    full = {"meta"}
    tried: list[str] = []

    def short(adapter: VaceAdapter, encoder: Any, prompt: str, negative: str) -> Any:
        device = encoder.text_encoder.device.type
        tried.append(device)
        if device in full:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(adapter, encoder, prompt, negative)

    monkeypatch.setattr(VaceAdapter, "encode", short)
    adapter, source = VaceAdapter(read_settings({})), RandomPipeline("vace", save_random_pipeline)
    rooms: list[float] = []

    def read(prompt: str, on_card: bool) -> Words:
        watch = Watch(lambda _: None, 1)
        return reader.words(adapter, source, (prompt, ""), watch, on_card, rooms.append)

    reader = WordsReader(CARD, torch.float32)
    words = read("a street", on_card=True)
    assert tried == ["meta", "cpu"]
    assert words.arguments["prompt_embeds"].device == CARD, "and they are where the network will be"
    assert read("a street", on_card=True) is words, "the same words are not read again"
    read("a lake", on_card=False)
    assert tried == ["meta", "cpu", "cpu"]
    assert len(rooms) == 2
    full.add("cpu")
    with pytest.raises(EngineError, match=r"while the words were read.*on the card and on the processor") as error:
        read("a hill", on_card=True)
    assert "11.4 GB" in error.value.why or "12.2 GB" in error.value.why
