"""Tokenizers: prompts to the 77 token ids that OpenCLIP's text encoder reads."""

from __future__ import annotations

import html
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import torch
from torch import Tensor

from .config import TEXT_TOKENS
from .errors import CheckpointError


@dataclass(frozen=True, eq=False)
class Tokens:
    """A prompt as token ids.

    Attributes:
        ids: [1, 77] int64.
        cut: the end of the prompt that did not fit, "" when all did.
    """

    ids: Tensor
    cut: str


START, END = "<|startoftext|>", "<|endoftext|>"

_CLIPS_OWN = "Take vocab.json and merges.txt of openai/clip-vit-large-patch14."


class Tokenizer(Protocol):
    """Makes token ids of a prompt."""

    def __call__(self, text: str) -> Tokens:
        """The prompt's tokens, cut to the length that the text encoder reads."""
        ...

    def save(self, folder: Path) -> dict[str, Any]:
        """Write its files into a folder, and give what its `tokenizer_config.json` there shall say."""
        ...


class ClipTokenizer:
    """CLIP's byte pair encoding as OpenCLIP uses it: text repaired by ftfy, unescaped twice, padded with zeros."""

    def __init__(self, folder: Path) -> None:
        """Read the vocabulary.

        Args:
            folder: holds vocab.json and merges.txt.
        """
        from transformers import CLIPTokenizer

        self._files = (folder / "vocab.json", folder / "merges.txt")
        self._bpe = CLIPTokenizer(vocab=str(self._files[0]), merges=str(self._files[1]))

    def __call__(self, text: str) -> Tokens:
        """See Tokenizer."""
        words = self._bpe(cleaned(text), add_special_tokens=False)["input_ids"]
        start, end = self._bpe.convert_tokens_to_ids([START, END])
        room = TEXT_TOKENS - 2
        ids = [start, *words[:room], end]
        cut = self._bpe.decode(words[room:]).strip() if len(words) > room else ""
        return Tokens(torch.tensor([ids + [0] * (TEXT_TOKENS - len(ids))]), cut)

    def save(self, folder: Path) -> dict[str, Any]:
        """See Tokenizer. What is written says that padding is token 0, so that transformers' own class pads alike."""
        for file in self._files:
            shutil.copyfile(file, folder / file.name)
        padding = self._bpe.convert_ids_to_tokens(0)
        return {"tokenizer_class": "CLIPTokenizer", "model_max_length": TEXT_TOKENS, "pad_token": padding}


def check_vocabulary(vocabulary: Path, merges: Path) -> None:
    """Check the form of CLIP's tokenizer files.

    Args:
        vocabulary: vocab.json.
        merges: merges.txt.

    Raises:
        CheckpointError: one of them is not CLIP's by its form.
    """
    try:
        ids = msgspec.json.decode(vocabulary.read_bytes(), type=dict[str, int])
    except msgspec.MsgspecError as error:
        raise CheckpointError("The vocabulary cannot be read", f"{vocabulary}: {error}", _CLIPS_OWN) from error
    if not {START, END} <= set(ids):
        raise CheckpointError("The vocabulary is not CLIP's", f"{vocabulary} has no {START} or {END}", _CLIPS_OWN)
    first = merges.read_bytes()[:16]
    if not first.startswith(b"#version"):
        raise CheckpointError("The merges are not CLIP's", f"{merges} begins with {first!r}", _CLIPS_OWN)


class ByteTokenizer:
    """Bytes as tokens, folded into a small vocabulary: for models with random weights, for which ids have no meaning.

    Args:
        vocabulary: number of token ids, the padding, the start and the end among them.
    """

    def __init__(self, vocabulary: int) -> None:
        self._letters = vocabulary - 3

    def __call__(self, text: str) -> Tokens:
        """See Tokenizer."""
        data = cleaned(text).lower().encode()
        room = TEXT_TOKENS - 2
        ids = [self._letters + 1, *(1 + b % self._letters for b in data[:room]), self._letters + 2]
        cut = data[room:].decode(errors="ignore")
        return Tokens(torch.tensor([ids + [0] * (TEXT_TOKENS - len(ids))]), cut)

    def save(self, folder: Path) -> dict[str, Any]:
        """See Tokenizer. It has no files."""
        del folder
        return {"tokenizer_class": type(self).__name__, "vocabulary": self._letters + 3}


def cleaned(text: str) -> str:
    """The text with mis-decoded characters and curly quotes repaired, entities resolved and white space collapsed."""
    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())
