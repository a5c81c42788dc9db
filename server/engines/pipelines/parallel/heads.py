"""Into how many parts a network's attention divides, read from its files without loading it."""

from __future__ import annotations

from pathlib import Path

import msgspec

NETWORK = "transformer"
"""The folder of the network in that of a pipeline."""


class _Config(msgspec.Struct, frozen=True):
    """What is read of a network's config.json."""

    num_attention_heads: int


def number_of_heads(folder: Path) -> int:
    """The heads of the network's attention.

    Args:
        folder: of the pipeline, in diffusers' layout.
    """
    return msgspec.json.decode((folder / NETWORK / "config.json").read_bytes(), type=_Config).num_attention_heads
