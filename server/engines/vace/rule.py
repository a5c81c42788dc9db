"""What the engine makes: its name, sizes and frame counts. Needs no torch."""

from __future__ import annotations

from server.engines.pipelines.fitting.clip_rule import ClipRule, Size
from server.engines.pipelines.fitting.offered import frame_counts

NAME = "vace"
WEIGHTS = (NAME, "vace-14b")
"""Names of the published weights that it can run with, the usual ones first."""

CELL = 8
"""Pixels of a latent along rows and columns."""

RULE = ClipRule(frame_step=4, multiple=16, most_frames=81, most_pixels=1280 * 720)
"""The network makes more frames than 81 at once too, but loses the reference over them."""

SIZES: tuple[Size, ...] = ((832, 480), (480, 832), (624, 624), (512, 320), (1280, 720), (720, 1280), (960, 960))
"""Those that are offered; it makes any other up to the largest of them."""

FRAME_COUNTS = frame_counts(81, 1)
"""The first is one piece; others are padded, or made in segments."""
