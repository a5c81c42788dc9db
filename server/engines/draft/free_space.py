"""Where the photo looked through: nothing may be invented between its camera and the surfaces it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter

from blender_addon.core.arrays import Bool, Float32, Float64

TOLERANCE = 0.05
"""Fraction of its depth by which a point must lie before what the photo shows to count as in its way."""
EDGE_PIXELS = 5
"""Side of the square of depth pixels of which the nearest counts: an outline is known no better."""
DEPTHS = 24
DEEPEST = 4.0
"""How far along its ray a point is looked for that is not in the photo's way, as a factor of its depth."""


@dataclass(frozen=True, eq=False)
class FreeSpace:
    """nearest: [h, w] metres up to which the photo's camera, intrinsics [3, 3] in pixels of size (width, height),
    surely looked through; 0 where its depth is unknown."""

    nearest: Float32
    intrinsics: Float64
    size: tuple[int, int]

    @staticmethod
    def of(depth: Float32, intrinsics: Float64, size: tuple[int, int]) -> FreeSpace:
        """What a photo with this depth [h, w] (metres, NaN: unknown) looked through."""
        known = np.where(np.isfinite(depth), depth, 0).astype(np.float32)
        return FreeSpace(minimum_filter(known, EDGE_PIXELS) * np.float32(1 - TOLERANCE), intrinsics, size)

    def holds(self, points: Float32) -> Bool:
        """[...] True for each of points [..., 3], in the photo camera's frame, that would stand in the photo's way."""
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
        """The first depths [n] along rays [n, 3] from origin [3], from `depth` [n] on, that are not in the photo's way.

        Where there is none within DEEPEST times its depth, the depth stays.
        """
        start, result = origin.astype(np.float32), depth.copy()
        waiting = np.flatnonzero(self.holds(start + rays * depth[:, None]))
        for factor in np.geomspace(1, DEEPEST, DEPTHS, dtype=np.float32)[1:]:
            farther = depth[waiting] * factor
            clear = ~self.holds(start + rays[waiting] * farther[:, None])
            result[waiting[clear]] = farther[clear]
            waiting = waiting[~clear]
        return result
