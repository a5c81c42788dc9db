"""A picture of sampled clips: each one's frames below those of the clip that it was made after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from .sampled_clips import SampledClip

COLUMNS = 6
"""Frames of a clip that are shown, spread from the first to the last, at most."""
GAP = 4
"""Pixels between pictures; four times as many between clips."""
BACKGROUND = (24, 24, 26)


def contact_sheet(clips: Sequence[SampledClip]) -> Image.Image:
    """The sheet: two rows a clip, what was filmed and what was made.

    Args:
        clips: of one size; at least one.
    """
    count, height, width = clips[0].frames.shape[:3]
    shown = np.unique(np.linspace(0, count - 1, min(COLUMNS, count)).round().astype(int))
    line = 2 * (height + GAP) + 3 * GAP
    sheet = Image.new("RGB", (len(shown) * (width + GAP) + GAP, len(clips) * line + GAP), BACKGROUND)
    for row, clip in enumerate(clips):
        for below, frames in enumerate((clip.truth, clip.frames)):
            for column, frame in enumerate(shown):
                place = (GAP + column * (width + GAP), GAP + row * line + below * (height + GAP))
                sheet.paste(Image.fromarray(frames[frame]), place)
    return sheet
