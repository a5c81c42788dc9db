"""What the engine makes: its name, sizes and frame counts. Needs no torch."""

from __future__ import annotations

from dataclasses import replace

from server.engines.pipelines.fitting.clip_rule import ClipRule, Size
from server.engines.pipelines.fitting.offered import frame_counts

NAME = "sana-wm"

REFINER = "sana-wm-refiner"
"""Name of the weights of its second network."""

CELL = 32
"""Pixels of a latent along rows and columns."""

GROUP = 8
"""Frames that share a latent, after the first frame, which has one of its own."""

MOST_FRAMES = 961
"""A minute at 16 frames a second."""

GENTLE = (0.04, 1.0)
"""Metres and degrees a frame of a lead-in: between the slow and the fast moves of the model's own examples."""

MOST_TOKENS = 299
"""Tokens of a prompt that the text encoder reads beside the instruction that is put before it."""

RULE = ClipRule(frame_step=GROUP, multiple=CELL, most_frames=MOST_FRAMES, most_pixels=1280 * 704, only_size=(1280, 704))

RANDOM_GROUP = 2
"""Frames that share a latent of random weights."""

RANDOM_RULE = replace(RULE, only_size=None)
"""Of random weights, which any size is the same to."""

SIZES: tuple[Size, ...] = ((1280, 704), (1280, 720), (832, 480), (704, 1280), (512, 320))
"""Those that are offered; all are made at the first, and scaled."""

FRAME_COUNTS = frame_counts(161)
"""The first is the model's own default."""
