"""A tokenizer of CLIP's form for the words of the rendered worlds' captions: each of them is one token."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from server.model.tokenizer import END, START
from server.training.worlds.captions import WORDS

CAPTIONS = "a bright dim lit narrow vast room hall yard with under the sky"
"""The words of a caption that name no material."""
WORD_END = "</w>"
"""What CLIP's vocabulary marks the last letter of a word with."""


def write_tokenizer(folder: Path) -> None:
    """Write vocab.json and merges.txt; other words are spelled in letters.

    Args:
        folder: made where it is not there.
    """
    words = sorted(set(" ".join((CAPTIONS, *WORDS.values())).split()))
    merges = learned_merges(words)
    letters = _byte_letters()
    tokens = [*letters, *(letter + WORD_END for letter in letters), *("".join(m) for m in merges), START, END]
    folder.mkdir(parents=True, exist_ok=True)
    ids = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")


def learned_merges(words: list[str]) -> list[tuple[str, str]]:
    """The merges of byte pairs, most frequent first, until every word is one token.

    Args:
        words: of lower-case letters.
    """
    spelled = [[*word[:-1], word[-1] + WORD_END] for word in words]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for pieces in spelled for pair in pairwise(pieces)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = [_merged(pieces, best) for pieces in spelled]
    return merges


def _merged(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    made: list[str] = []
    for piece in pieces:
        if made and (made[-1], piece) == pair:
            made[-1] += piece
        else:
            made.append(piece)
    return made


def _byte_letters() -> list[str]:
    """The 256 bytes as printable letters, as byte-level vocabularies write them."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in kept]
    return [chr(byte) for byte in kept] + [chr(256 + number) for number in range(len(others))]
