"""Depth edges of the photo: which side is foreground, what continues behind it, where the colours of both mix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32, Int64
from blender_addon.core.depth.depth_mesh import same_surface
from server.geometry.distance import nearest

MIXED_PIXELS = 2
"""Depth pixels behind an edge whose colour may be mixed with the foreground's."""
FRINGE = 0.2
"""Share of the foreground's colour from which a mixed pixel is a fringe, not background."""
UNLIKE = 16.0
"""Distance of both sides' colours, 8-bit RGB, below which nobody sees the fringe."""
NEIGHBOURS = ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :]))
"""Slices of the pixels that have a neighbour on their right, or below, and of those neighbours."""


@dataclass(frozen=True, eq=False)
class DepthEdges:
    """The depth edges of a map [h, w].

    Attributes:
        near: [h, w] bool, the near side of an edge, as many pixels wide as was asked.
        mixed: [h, w] bool, the pixels just behind an edge, whose colour may be mixed with the foreground's.
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
    near, far = rims(depth, depth_edge)
    mixed = spread(far, depth, depth_edge, MIXED_PIXELS - 1)
    near = spread(near, depth, depth_edge, reach)
    clean = spread(mixed, depth, depth_edge, 2) & ~mixed
    has_background = np.zeros_like(near)
    if not clean.any():
        nowhere = np.empty(0, np.int64)
        return DepthEdges(near, mixed, has_background, (nowhere, nowhere))
    rows, columns = nearest(clean, near)
    deeper = depth[rows, columns] > depth[near] * (1 + depth_edge)
    has_background[near] = deeper
    return DepthEdges(near, mixed, has_background, (rows[deeper], columns[deeper]))


def rims(depth: Float32, depth_edge: float) -> tuple[Bool, Bool]:
    """The pixels [h, w] beside an edge, on its near side and on its far side.

    Args:
        depth: [h, w] metres, without unknowns.
        depth_edge: relative jump of depth that makes an edge.
    """
    near, far = np.zeros(depth.shape, np.bool_), np.zeros(depth.shape, np.bool_)
    for one, other in NEIGHBOURS:
        jump = ~same_surface(np.stack([depth[one], depth[other]]), depth_edge)
        nearer = depth[one] < depth[other]
        near[one] |= jump & nearer
        near[other] |= jump & ~nearer
        far[one] |= jump & ~nearer
        far[other] |= jump & nearer
    return near, far


def spread(mask: Bool, depth: Float32, depth_edge: float, steps: int) -> Bool:
    """The mask [h, w] grown by `steps` pixels, never across a depth edge."""
    joined = [same_surface(np.stack([depth[one], depth[other]]), depth_edge) for one, other in NEIGHBOURS]
    for _ in range(steps):
        grown = mask.copy()
        for (one, other), join in zip(NEIGHBOURS, joined, strict=True):
            grown[one] |= mask[other] & join
            grown[other] |= mask[one] & join
        mask = grown
    return mask


def fringe(edges: DepthEdges, colour: Float32) -> Bool:
    """[h, w] bool, the mixed pixels whose colour lies on the way from the background's to the foreground's.

    Args:
        edges: of the depth map.
        colour: [h, w, 3] in 0..255, the photo at the same pixels.
    """
    result = np.zeros_like(edges.mixed)
    core = edges.near & ~edges.mixed
    core &= _inner(core)
    clean = ~edges.near & ~edges.mixed
    if not (edges.mixed.any() and core.any() and clean.any()):
        return result
    foreground, background = (colour[nearest(side, edges.mixed)] for side in (core, clean))
    way = foreground - background
    length = np.einsum("nc,nc->n", way, way)
    share = np.einsum("nc,nc->n", colour[edges.mixed] - background, way) / np.maximum(length, 1)
    result[edges.mixed] = (share > FRINGE) & (length > UNLIKE**2)
    return result


def _inner(mask: Bool) -> Bool:
    """The pixels of a mask [h, w] whose four neighbours are in it too: its outline is mixed from the other side."""
    padded = np.pad(mask, 1, mode="edge")
    return np.asarray(padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:], dtype=np.bool_)
