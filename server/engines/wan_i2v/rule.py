"""What the engine makes: its name, sizes and frame counts. Needs no torch."""

from __future__ import annotations

from server.engines.pipelines.fitting.clip_rule import ClipRule, Size
from server.engines.pipelines.fitting.offered import frame_counts

NAME = "wan-i2v"

CELL = 16
"""Pixels of a latent along rows and columns."""

LEAST_SEEN = 0.9
"""The share of the first frame that the preview must show, where the shot does not begin at the photo."""

RULE = ClipRule(frame_step=4, multiple=2 * CELL, most_frames=121, most_pixels=1280 * 704)

SIZES: tuple[Size, ...] = ((1280, 704), (704, 1280), (960, 960), (832, 480), (480, 832), (512, 320))
"""Those that are offered, the first two as published; it makes any other up to the largest of them."""

FRAME_COUNTS = frame_counts(121)
"""The first is one piece; others are padded, or made in segments."""
