"""Depth edges of the photo: which side is foreground, and what goes on behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from blender_addon.core.depth_mesh import same_surface
from server.geometry.pull_push import pull_push

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

MIXED_PIXELS = 2
"""Depth pixels behind an edge whose colour is mixed with the foreground's."""
STANDS_OUT = 1.05
"""Inverse depth over that of its surroundings from which a rim of unknown depth is taken for foreground."""


@dataclass(frozen=True, eq=False)
class DepthEdges:
    """All [h, w]. near: the near side of a depth edge, as far as was asked. mixed: the pixels just behind one.

    background: row and column of the pixel of the far side that is nearest to each pixel, beyond the mixed ones;
    has_background: where that is deeper than the pixel itself, on the near side.
    """

    near: Bool
    mixed: Bool
    background: tuple[NDArray[np.int32], NDArray[np.int32]]
    has_background: Bool


def find_edges(depth: Float32, depth_edge: float, reach: int) -> DepthEdges:
    """The edges of a depth map [h, w] without unknowns; reach: how many pixels inwards a near side counts as one."""
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
    if not clean.any():
        rows, columns = np.indices(depth.shape, dtype=np.int32)
        return DepthEdges(near, mixed, (rows, columns), np.zeros_like(near))
    rows, columns = distance_transform_edt(~clean, return_distances=False, return_indices=True)
    return DepthEdges(near, mixed, (rows, columns), near & (depth[rows, columns] > depth * (1 + depth_edge)))


_NEIGHBOURS = ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :]))


def _spread(mask: Bool, depth: Float32, depth_edge: float, steps: int) -> Bool:
    """Grow mask [h, w] by so many pixels, never across a depth edge."""
    joined = [same_surface(np.stack([depth[one], depth[other]]), depth_edge) for one, other in _NEIGHBOURS]
    for _ in range(steps):
        grown = mask.copy()
        for (one, other), join in zip(_NEIGHBOURS, joined, strict=True):
            grown[one] |= mask[other] & join
            grown[other] |= mask[one] & join
        mask = grown
    return mask


def completed_depth(depth: Float32) -> Float32:
    """depth [h, w] with its NaN filled from the depths around them, from the farther ones where they disagree.

    Raises nothing: where no depth is known at all, everything stands one metre away.
    """
    known = np.isfinite(depth)
    if known.all() or not known.any():
        return depth if known.all() else np.ones_like(depth)
    inverse = np.where(known, 1 / np.where(known, depth, 1), 0).astype(np.float32)
    around = pull_push(inverse[..., None], known.astype(np.float32))[..., 0]
    # A rim of an unknown region that stands out of its mean is foreground: unknown depth beside it is what it hides.
    nearest = distance_transform_edt(known, return_distances=False, return_indices=True)
    foreground = inverse > STANDS_OUT * around[tuple(nearest)]
    weight = np.where(known, np.where(foreground, 0.01, 1), 0).astype(np.float32)
    filled = pull_push(inverse[..., None], weight)[..., 0]
    return np.where(known, depth, 1 / np.maximum(filled, 1e-6)).astype(np.float32)
