"""Depth edges of the photo (which side is foreground, what continues behind it), and completion of unknown depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32, Int64
from blender_addon.core.depth.depth_mesh import same_surface
from server.geometry.distance import nearest, within
from server.geometry.filters import connected, gaussian_blur, share_above_half
from server.geometry.pull_push import pull_push

MIXED_PIXELS = 2
"""Depth pixels behind an edge whose colour is mixed with the foreground's."""
STANDS_OUT = 1.05
"""Inverse depth over that of its surroundings from which a rim of unknown depth is taken for foreground."""
RIM = 4
"""Depth pixels of a foreground beside unknown depth whose colour represents it."""
WIDEST_SHADOW = 32
"""Depth pixels from a foreground's rim within which unknown depth may belong to it or to its shadow."""
CLEARLY = 0.6
"""A colour is clearly one side's when its distance to it is below this share of the distance to the other's."""
SAME_COLOUR = 48.0
"""Largest distance, in 8-bit RGB, of a colour from a side's at which it may still belong to it."""
OTHER_COLOUR = 24.0
"""Largest distance from the background's colour at which a pixel is background, whatever the foreground's is."""


@dataclass(frozen=True, eq=False)
class DepthEdges:
    """The depth edges of a map [h, w].

    Attributes:
        near: [h, w] bool, the near side of an edge, as many pixels wide as was asked.
        mixed: [h, w] bool, the pixels just behind an edge, whose colour is mixed with the foreground's.
        has_background: [h, w] bool, the pixels of the near side that are less deep than their background: the nearest
            pixel of the far side, beyond the mixed ones.
        background: row [n] and column [n] of that pixel, for each of the n pixels where `has_background` is True.
    """

    near: Bool
    mixed: Bool
    has_background: Bool
    background: tuple[Int64, Int64]


def find_edges(depth: Float32, depth_edge: float, reach: int) -> DepthEdges:
    """The edges of a depth map.

    Args:
        depth: [h, w] metres, without unknowns.
        depth_edge: relative jump of depth that makes an edge.
        reach: how many pixels inwards from an edge count as its near side.
    """
    near, far = np.zeros(depth.shape, np.bool_), np.zeros(depth.shape, np.bool_)
    for one, other in _NEIGHBOURS:
        jump = ~same_surface(np.stack([depth[one], depth[other]]), depth_edge)
        nearer = depth[one] < depth[other]
        near[one] |= jump & nearer
        near[other] |= jump & ~nearer
        far[one] |= jump & ~nearer
        far[other] |= jump & nearer
    mixed = _spread(far, depth, depth_edge, MIXED_PIXELS - 1)
    near = _spread(near, depth, depth_edge, reach)
    clean = _spread(mixed, depth, depth_edge, 2) & ~mixed
    has_background = np.zeros_like(near)
    if not clean.any():
        nowhere = np.empty(0, np.int64)
        return DepthEdges(near, mixed, has_background, (nowhere, nowhere))
    rows, columns = nearest(clean, near)
    deeper = depth[rows, columns] > depth[near] * (1 + depth_edge)
    has_background[near] = deeper
    return DepthEdges(near, mixed, has_background, (rows[deeper], columns[deeper]))


_NEIGHBOURS = ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :]))


def _spread(mask: Bool, depth: Float32, depth_edge: float, steps: int) -> Bool:
    """The mask [h, w] grown by `steps` pixels, never across a depth edge."""
    joined = [same_surface(np.stack([depth[one], depth[other]]), depth_edge) for one, other in _NEIGHBOURS]
    for _ in range(steps):
        grown = mask.copy()
        for (one, other), join in zip(_NEIGHBOURS, joined, strict=True):
            grown[one] |= mask[other] & join
            grown[other] |= mask[one] & join
        mask = grown
    return mask


@dataclass(frozen=True, eq=False)
class Completed:
    """A depth map without unknowns.

    Attributes:
        depth: [h, w] float32 metres.
        doubtful: [h, w] bool, True where the depth is estimated as background but the photo's colour may be that of the
            foreground beside it.
    """

    depth: Float32
    doubtful: Bool


def completed(depth: Float32, colour: Float32) -> Completed:
    """The depth map with unknowns filled from the depths around them.

    Where near and far meet at an unknown region, its pixels get the far depth, as in a sensor's shadow, unless they
    are joined to the near side and clearly of its colour. Where no depth is known at all, everything is one metre away.

    Args:
        depth: [h, w] metres, NaN where unknown.
        colour: [h, w, 3] in 0..255, the photo at the same pixels.
    """
    known = np.isfinite(depth)
    nowhere = np.zeros_like(known)
    if known.all() or not known.any():
        return Completed(depth if known.all() else np.ones_like(depth), nowhere)
    inverse = np.where(known, 1 / np.where(known, depth, 1), 0).astype(np.float32)
    rim = known & within(~known, RIM)
    # Rim pixels nearer than the mean of a region's rims are foreground: unknown depth beside them is what they hide.
    mean, weight = (gaussian_blur(np.where(rim, part, 0), WIDEST_SHADOW / 2) for part in (inverse, known * 1.0))
    # Scattered points of a scanner form no surface.
    solid = share_above_half(known, RIM + 1)
    foreground = rim & solid & (inverse * weight > STANDS_OUT * mean)
    both = np.concatenate([colour, inverse[..., None]], axis=-1).astype(np.float32)
    far = pull_push(both, np.where(rim, np.where(foreground, 1e-3, 1), 0).astype(np.float32))
    rim &= foreground
    if not rim.any():
        return Completed(_filled(depth, far[..., 3]), nowhere)
    near = pull_push(both, rim.astype(np.float32))
    stands_out = ~known & (near[..., 3] > STANDS_OUT * far[..., 3])
    stands_out &= within(rim, WIDEST_SHADOW)
    from_near, from_far = (np.linalg.norm(colour - side[..., :3], axis=-1) for side in (near, far))
    alike = stands_out & (from_near < CLEARLY * from_far) & (from_near < SAME_COLOUR)
    alike &= share_above_half(alike, 3)
    joined = connected(rim, rim | alike) & ~known
    beside = within(rim | joined, MIXED_PIXELS)
    doubtful = stands_out & ~joined & (from_far > OTHER_COLOUR) & (from_near < np.where(beside, 2, 1) * from_far)
    return Completed(_filled(depth, np.where(joined, near[..., 3], far[..., 3])), doubtful)


def _filled(depth: Float32, inverse: Float32) -> Float32:
    return np.where(np.isfinite(depth), depth, 1 / np.maximum(inverse, 1e-6)).astype(np.float32)
