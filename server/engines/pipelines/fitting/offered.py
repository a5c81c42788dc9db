"""Sizes and frame counts that engines on pipelines offer the artist. They make others too."""

from __future__ import annotations

from .clip_rule import Size

RANDOM_SIZES: tuple[Size, ...] = ((192, 128), (128, 192), (128, 64))
"""Offered by random weights beside an engine's own, which anything can run."""

COUNTS = (16, 17, 24, 25, 32, 33, 48, 49, 64, 65, 81, 96, 97, 120, 121, 128, 144, 161, 192, 240, 241, 321, 481, 961)


def frame_counts(default: int, *others: int) -> tuple[int, ...]:
    """The frame counts that an engine offers: its default first, then others of its own, then COUNTS."""
    return (default, *others, *(count for count in COUNTS if count not in (default, *others)))
