"""The outlines of foregrounds in the photo: how opaque a foreground is beside its outline, and in which clean colour.

Both are found in the photo's own view. The opacity goes by the distance from the outline, from which the steps of the
depth map's grid are rounded off. The pixels beside an outline carry the colours of both sides, so there a foreground
takes its colour from inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32
from server.engines.draft.edges import rims, spread
from server.geometry.distance import nearest
from server.geometry.filters import gaussian_blur
from server.geometry.pull_push import pull_push

OUTSIDE = 2
"""Depth pixels beyond an outline that its foreground is continued."""
INSIDE = 3
"""Depth pixels inwards from an outline that count as beside it."""
CLEAN = 1.5
"""Depth pixels inwards from an outline from which a colour is not mixed."""
ROUNDED = 1.0
"""Standard deviation, depth pixels, of the blur that takes the steps of the grid out of an outline."""
SOFT = 1.0
"""Depth pixels across an outline in which a foreground goes from transparent to opaque."""
THIN = 0.75
"""Opacity, at least, along the middle of a foreground that is thinner than its outline is soft."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """Where depth edges run in a depth map, and the depth of both sides there.

    Attributes:
        inward: [h, w] float32, depth pixels inwards from the nearest outline, negative outside; NaN away from outlines.
        thin: [h, w] bool, the middle of a foreground that has no pixel of clean colour.
        near: [h, w] float32 metres, the foreground and its continuation beyond the outline; NaN elsewhere.
        far: [h, w] float32 metres, the background beside it, and beside the foreground's own pixels that of the nearest
            background; NaN elsewhere.
    """

    inward: Float32
    thin: Bool
    near: Float32
    far: Float32

    @staticmethod
    def of(depth: Float32, depth_edge: float) -> Outlines | None:
        """The outlines of a depth map; None where it has no edge.

        Args:
            depth: [h, w] metres, without unknowns.
            depth_edge: relative jump of depth that makes an edge.
        """
        near_rim, far_rim = rims(depth, depth_edge)
        if not near_rim.any():
            return None
        beside = spread(near_rim | far_rim, depth, depth_edge, INSIDE - 1)
        own = depth[beside]
        to_near, near_depth = _nearest(near_rim, beside, depth)
        to_far, far_depth = _nearest(far_rim, beside, depth)
        outside = near_depth * (1 + depth_edge) < own
        inside = far_depth > own * (1 + depth_edge)
        outside &= ~inside | (to_near <= to_far)
        inside &= ~outside

        def placed(values: Float32, where: Bool) -> Float32:
            result = np.full(depth.shape, np.nan, np.float32)
            result[beside] = np.where(where, values, np.nan)
            return result

        inward = placed(np.where(inside, to_far - 0.5, 0.5 - to_near), inside | outside)
        near = placed(np.where(inside, own, near_depth), inside | (outside & (to_near <= OUTSIDE)))
        far = placed(np.where(inside, far_depth, own), inside | outside)
        return Outlines(inward, _thin(inward), near, far)

    def soft(self, picture: Float32) -> tuple[Float32, Float32]:
        """The foregrounds beside their outlines, at the size of a picture.

        Args:
            picture: [H, W, 3] the photo.

        Returns:
            Opacity [H, W] in 0..1, and colour [H, W, 3]; both mean nothing away from outlines.
        """
        beside = np.isfinite(self.inward)
        inward = pull_push(np.where(beside, self.inward, 0)[..., None], beside.astype(np.float32))[..., 0]
        shape = picture.shape[:2]
        inward = _resized(gaussian_blur(inward, ROUNDED), shape)
        thin = _resized(self.thin.astype(np.float32), shape)
        opacity = np.maximum(np.clip(inward / SOFT + 0.5, 0, 1), THIN * thin)
        clean = (_resized(beside.astype(np.float32), shape) > 0.5) & ((inward >= CLEAN) | (thin > 0.5))
        if not clean.any():
            clean = inward > 0
        colour = pull_push(picture, clean.astype(np.float32))
        own = np.clip(2 * opacity - 1, 0, 1)[..., None]
        return opacity, np.asarray(own * picture + (1 - own) * colour, dtype=np.float32)


def _nearest(rim: Bool, asked: Bool, depth: Float32) -> tuple[Float32, Float32]:
    """The nearest pixel of a rim, for each of the n pixels asked for: how far it is [n], and its depth [n]."""
    pixel = nearest(rim, asked)
    row, column = np.nonzero(asked)
    return np.hypot(pixel[0] - row, pixel[1] - column).astype(np.float32), depth[pixel]


def _thin(inward: Float32) -> Bool:
    """[h, w] the inner pixels beside which no neighbour lies deeper inside, where the foreground is thin."""
    value = np.where(np.isfinite(inward), inward, -np.inf)
    padded = np.pad(value, 1, constant_values=-np.inf)
    height, width = value.shape
    deepest = np.max([padded[y : y + height, x : x + width] for y in range(3) for x in range(3)], axis=0)
    return np.asarray((value > 0) & (value < CLEAN + 0.5) & (value >= deepest), dtype=np.bool_)


def _resized(values: Float32, shape: tuple[int, ...]) -> Float32:
    """The map [h, w] at another size, bilinear."""
    for axis, wanted in enumerate(shape):
        size = values.shape[axis]
        position = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
        first = position.astype(np.int64)
        share = np.expand_dims((position - first).astype(np.float32), 1 - axis)
        second = np.minimum(first + 1, size - 1)
        blended = values.take(first, axis) * (1 - share) + values.take(second, axis) * share
        values = blended.astype(np.float32)
    return values
