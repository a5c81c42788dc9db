"""Prompts to token ids; the vocabulary is not ours to publish, so that part runs where it was downloaded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the model tests were not run")
pytest.importorskip("ftfy", reason="ftfy is not installed: the tokenizer tests were not run")

from server.model.tokenizer import ByteTokenizer, ClipTokenizer, cleaned  # noqa: E402
from tests.server.published.parity import ParityKit  # noqa: E402


def test_published_ids(kit: ParityKit) -> None:
    folder = os.environ.get("REALCAM_CLIP_TOKENIZER")
    if not folder:
        pytest.skip("CLIP's vocabulary is not here: set REALCAM_CLIP_TOKENIZER to a folder with vocab.json, merges.txt")
    tokenizer = ClipTokenizer(Path(folder))
    tokens = [tokenizer(prompt) for prompt in kit.prompts]
    ids = torch.cat([t.ids for t in tokens])
    kit.check("encoders", "tokenizer.ids", ids)
    assert tokens[0].cut == ""
    assert tokens[-1].cut.split()[0] == "word", "what did not fit is named"


def test_text_is_cleaned() -> None:
    assert cleaned("  a\tcafÃ©\n\u201cneon\u201d &amp;amp; dogs ") == 'a café "neon" & dogs'


def test_byte_tokens_fit_their_vocabulary() -> None:
    tokens = ByteTokenizer(64)("a prompt that is much longer than the seventy-five bytes for which there is room, see?")
    assert tokens.ids.shape == (1, 77)
    assert 0 <= int(tokens.ids.min()) <= int(tokens.ids.max()) < 64
    assert tokens.cut.endswith("see?")
