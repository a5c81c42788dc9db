"""How far a depth map reaches, and how much of the photo has depth: what an artist is told of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Float32

ENDS = (2.0, 98.0)
"""Percentiles that count as the nearest and the farthest: a few stray points say nothing of the scene."""


@dataclass(frozen=True)
class DepthFacts:
    """What is said of a depth map.

    Attributes:
        nearest: metres; 2 % of what is known is nearer.
        middle: metres; the median.
        farthest: metres; 2 % of what is known is farther.
        known_share: share of the photo that has depth, 0 to 1.
    """

    nearest: float
    middle: float
    farthest: float
    known_share: float

    def times(self, scale: float) -> DepthFacts:
        """The facts of the same scene, `scale` times as large."""
        return replace(self, nearest=self.nearest * scale, middle=self.middle * scale, farthest=self.farthest * scale)

    @property
    def reach(self) -> str:
        """From where to where it reaches."""
        return f"{metres(self.nearest)} to {metres(self.farthest)} m"

    @property
    def words(self) -> str:
        """All of it, as the panel says it."""
        share = f"{self.known_share:.0%}".replace("%", " %")
        return f"{self.reach}, middle {metres(self.middle)} m, {share} of the photo has depth"


def depth_facts(depth: Float32) -> DepthFacts | None:
    """What is said of a depth map; None when nothing of it is known.

    Args:
        depth: [h, w] metres along z; NaN, infinite, zero and negative values are unknown.
    """
    with np.errstate(invalid="ignore"):
        known = depth[np.isfinite(depth) & (depth > 0)]
    if known.size == 0:
        return None
    nearest, middle, farthest = np.percentile(known, [ENDS[0], 50.0, ENDS[1]])
    return DepthFacts(float(nearest), float(middle), float(farthest), known.size / depth.size)


def metres(value: float) -> str:
    """A distance with as many digits as an artist reads: 0.27, 3.2, 84.9, 250."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"
