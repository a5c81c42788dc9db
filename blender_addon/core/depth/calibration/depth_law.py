"""How the numbers of a depth picture become metres: a straight line in the distance or in its inverse."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from ...arrays import Float64, Floats

Gives = Literal["depth", "inverse"]
Numbers = Literal["relative", "reciprocal", "metric"]
"""What a picture's numbers are before a calibration.

relative: of unknown meaning, as stored. reciprocal: one over the stored number (a picture of inverse depth that was
read as metres by a guess). metric: metres already, but wrong ones.
"""

NEAREST = 0.1
"""Metres that a law puts nothing nearer than, unless a known point is."""
FARTHEST = 1000.0
"""Metres that a law puts nothing farther than, unless a known point is."""


class DepthLaw(msgspec.Struct, frozen=True, kw_only=True):
    """Metres of a depth picture's numbers.

    With v the number, or 1 / number where `reciprocal`: the depth, or one over it where `gives` is "inverse", is
    slope * v + offset.

    Attributes:
        reciprocal: whether numbers are read as one over themselves.
        gives: what the straight line is.
        slope: see above.
        offset: see above.
        nearest: metres; what comes nearer, or behind the camera, is put there.
        farthest: metres; what comes farther, or beyond infinity, is put there.
    """

    reciprocal: bool
    gives: Gives
    slope: float
    offset: float
    nearest: float = NEAREST
    farthest: float = FARTHEST

    def unlimited(self, numbers: Floats) -> Float64:
        """Metres without the two limits; infinite from where an inverse distance is not positive.

        Args:
            numbers: of any shape, NaN where unknown.
        """
        line = self.slope * read_numbers(numbers, self.reciprocal) + self.offset
        if self.gives == "depth":
            return np.asarray(line, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(line <= 0, np.inf, 1 / line), dtype=np.float64)

    def metres(self, numbers: Floats) -> Float64:
        """Metres along z between the two limits.

        Args:
            numbers: of any shape, NaN where unknown.

        Returns:
            float64 of the same shape, NaN where the number is.
        """
        return np.asarray(np.clip(self.unlimited(numbers), self.nearest, self.farthest), dtype=np.float64)

    def numbers(self, metres: Floats) -> Float64:
        """The numbers that become these metres: `metres` the other way round, but for what the limits hold back."""
        values = np.asarray(metres, dtype=np.float64)
        line = 1 / values if self.gives == "inverse" else values
        return read_numbers((line - self.offset) / self.slope, self.reciprocal)

    @property
    def farther_is_higher(self) -> bool:
        """Whether larger numbers are farther away."""
        return (self.slope > 0) ^ self.reciprocal ^ (self.gives == "inverse")

    def limited_shares(self, numbers: Floats) -> tuple[float, float]:
        """The shares, 0 to 1, of known numbers that the nearest and the farthest limit hold back."""
        metres = self.unlimited(numbers)
        metres = metres[~np.isnan(metres)]
        if not metres.size:
            return 0.0, 0.0
        return float(np.mean(metres < self.nearest)), float(np.mean(metres > self.farthest))


def read_numbers(numbers: Floats, reciprocal: bool) -> Float64:
    """The numbers, or one over each; infinite where that is one over zero."""
    values = np.asarray(numbers, dtype=np.float64)
    if not reciprocal:
        return values
    with np.errstate(divide="ignore"):
        return np.asarray(1 / values, dtype=np.float64)
