"""What each pixel of a layout shows, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Bool, Float64, UInt8

NOTHING, FLOOR, CEILING, WALL, CUT_OUT = 0, 1, 2, 3, 4
"""What a pixel of a layout shows."""

SURFACE_NAMES = {FLOOR: "ground", CEILING: "ceiling", WALL: "walls", CUT_OUT: "cut-outs", NOTHING: "nothing"}
"""As the artist reads them."""


@dataclass(frozen=True, eq=False)
class LayoutSurfaces:
    """What each pixel of a layout shows.

    Attributes:
        depth: [h, w] float64 metres along z, infinite where nothing stands.
        surface: [h, w] uint8: NOTHING, FLOOR, CEILING, WALL or CUT_OUT.
    """

    depth: Float64
    surface: UInt8

    def shows(self, surface: int) -> Bool:
        """[h, w] bool, where this kind of surface is seen."""
        return np.asarray(self.surface == surface)

    @property
    def words(self) -> str:
        """The share of each kind of surface that is seen, for the artist."""
        shares = {name: float(self.shows(surface).mean()) for surface, name in SURFACE_NAMES.items()}
        return ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share > 0)
