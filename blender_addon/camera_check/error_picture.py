"""The error of every frame as a small picture for the panel: angle above, distance below."""

from __future__ import annotations

import numpy as np

from ..core.arrays import UInt8
from .checked_take import CheckedTake

WIDTH, HEIGHT, GAP = 256, 92, 8
"""Pixels: size of each of the two charts, and the gap between them."""
NOTICED_DEGREES, NOTICED_SHARE = 0.5, 0.05
"""Errors that fill a chart when none is larger: degrees, and share of the path's extent that was asked for."""
BACKGROUND, AXIS = (40, 40, 40, 255), (110, 110, 110, 255)
ANGLE, DISTANCE, WORST = (90, 170, 255, 255), (255, 150, 40, 255), (255, 70, 70, 255)


def chart_tops(check: CheckedTake) -> tuple[float, float]:
    """The errors that fill the charts: the largest, but at least what an artist would notice, so that small errors look
    small.

    Returns:
        (degrees, metres).
    """
    way = float(np.linalg.norm(np.array(check.asked) - check.asked[0], axis=1).max())
    return max(*check.degrees, NOTICED_DEGREES), max(*check.metres, NOTICED_SHARE * way, 1e-9)


def error_picture(check: CheckedTake) -> UInt8:
    """A bar for each frame of the clip, as high as its error's share of the chart's top.

    A frame whose camera was not found has no bar; the worst frame's are red.

    Returns:
        [2 HEIGHT + GAP, WIDTH, 4] uint8, top row first.
    """
    gap = np.zeros((GAP, WIDTH, 4), np.uint8)
    degrees, metres = chart_tops(check)
    return np.concatenate(
        [_bars(check, check.degrees, degrees, ANGLE), gap, _bars(check, check.metres, metres, DISTANCE)]
    )


def _bars(check: CheckedTake, errors: tuple[float, ...], highest: float, colour: tuple[int, int, int, int]) -> UInt8:
    chart = np.empty((HEIGHT, WIDTH, 4), np.uint8)
    chart[:] = BACKGROUND
    edges = np.linspace(0, WIDTH, len(check.asked) + 1).round().astype(int)
    for place, (index, error) in enumerate(zip(check.index, errors, strict=True)):
        top = HEIGHT - 1 - max(round((HEIGHT - 8) * error / highest), 1)
        left, right = edges[index], edges[index + 1]
        chart[top : HEIGHT - 1, left : max(right - 1, left + 1)] = WORST if place == check.worst else colour
    chart[-1] = AXIS
    return chart
