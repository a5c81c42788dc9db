"""The space that the photo's camera saw through: nothing may be added between it and the surfaces it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32, Float64
from blender_addon.core.depth.cleaning.windows import over_windows

TOLERANCE = 0.05
"""Fraction of the photo's depth by which a point must be nearer to count as in its way."""
EDGE_PIXELS = 5
"""Side of the square of depth pixels whose nearest depth counts, because outlines are not known more precisely."""
DEPTHS = 24
"""Depths tried along a ray, spaced by a constant factor."""
DEEPEST = 4.0
"""How far along its ray a point is moved back at most, as a factor of its depth."""


@dataclass(frozen=True, eq=False)
class FreeSpace:
    """What a photo's camera saw through.

    Attributes:
        nearest: [h, w] float32 metres along z up to which the space is surely free; 0 where the depth is unknown.
        intrinsics: [3, 3] in pixels of `size`.
        size: (width, height) of the photo, pixels.
    """

    nearest: Float32
    intrinsics: Float64
    size: tuple[int, int]

    @staticmethod
    def of(depth: Float32, intrinsics: Float64, size: tuple[int, int]) -> FreeSpace:
        """The free space of a photo.

        Args:
            depth: [h, w] metres along z, NaN where unknown; the photo's whole view.
            intrinsics: [3, 3] in pixels of `size`.
            size: (width, height) of the photo, pixels.
        """
        known = np.where(np.isfinite(depth), depth, 0).astype(np.float32)
        nearest = over_windows(np.minimum, known, EDGE_PIXELS)
        return FreeSpace(nearest * np.float32(1 - TOLERANCE), intrinsics, size)

    def holds(self, points: Float32) -> Bool:
        """Whether points would hide what the photo shows.

        Args:
            points: [..., 3] in the photo camera's frame, metres.

        Returns:
            [...] bool.
        """
        z = points[..., 2]
        before = z > 0
        scale = np.array(self.nearest.shape[::-1]) / self.size
        safe = np.where(before, z, 1)
        column, row = (
            np.floor((points[..., k] / safe * self.intrinsics[k, k] + self.intrinsics[k, 2]) * scale[k]) for k in (0, 1)
        )
        height, width = self.nearest.shape
        inside = before & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        at = np.where(inside, row, 0).astype(np.int64), np.where(inside, column, 0).astype(np.int64)
        return np.asarray(inside & (z < self.nearest[at]))

    def behind(self, origin: Float64, rays: Float32, depth: Float32) -> Float32:
        """Depths moved back along their rays until they hide nothing that the photo shows.

        Args:
            origin: [3] of the rays, in the photo camera's frame.
            rays: [n, 3] of one metre along z of the painting camera.
            depth: [n] metres along that z, to start from.

        Returns:
            [n] float32 metres; unchanged where no free depth is found within DEEPEST times it.
        """
        start, result = origin.astype(np.float32), depth.copy()
        waiting = np.flatnonzero(self.holds(start + rays * depth[:, None]))
        for factor in np.geomspace(1, DEEPEST, DEPTHS, dtype=np.float32)[1:]:
            farther = depth[waiting] * factor
            clear = ~self.holds(start + rays[waiting] * farther[:, None])
            result[waiting[clear]] = farther[clear]
            waiting = waiting[~clear]
        return result
