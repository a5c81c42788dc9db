"""Detect flying pixels: those between two surfaces, which a blurred depth edge becomes in three dimensions.

Two geometric rules: a pixel whose depth few of its neighbours share, and one whose surface is seen edge-on
from both sides. Both apply only where depth jumps and bends within k x k pixels: a floor seen at a grazing angle is
steep, but it is a plane, whose inverse depth does not bend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Bool, Float32, Float64, Int64
from ...camera.projection import unproject_pixels
from .windows import bends, depth_jumps, in_batches, neighbours, padded


@dataclass(frozen=True)
class FlyingRules:
    """When a pixel counts as flying.

    Attributes:
        k: side of the window, pixels, odd.
        edge: relative jump of depth that makes two surfaces.
        same_depth: relative difference within which a neighbour shares a pixel's depth.
        support: share of the known pixels in the window that must share its depth, the pixel itself counted (a line of
            one pixel has 1 / k).
        angle: radians between view ray and surface normal beyond which a surface is edge-on.
    """

    k: int = 5
    edge: float = 0.05
    same_depth: float = 0.02
    support: float = 0.16
    angle: float = float(np.radians(84.0))


DEFAULT_RULES = FlyingRules()


def flying_pixels(depth: Float32, intrinsics: Float64, rules: FlyingRules = DEFAULT_RULES) -> Bool:
    """Which pixels of a depth map fly.

    Args:
        depth: [H, W] metres along z, NaN where unknown.
        intrinsics: [3, 3] in pixels of the depth map.
        rules: when a pixel counts as flying.

    Returns:
        [H, W] bool.
    """
    at_jump = np.isfinite(depth) & depth_jumps(depth, rules.k, rules.edge) & bends(depth, rules.k, rules.edge / 2)
    result = np.zeros(depth.shape, dtype=np.bool_)
    depths_around = padded(depth, rules.k // 2, np.nan)

    def judge(pixels: Int64) -> None:
        edge_on = view_angles(depth, intrinsics, pixels) > rules.angle
        result.flat[pixels] = edge_on | _unsupported(depth, depths_around, pixels, rules)

    in_batches(np.flatnonzero(at_jump), judge)
    return result


def view_angles(depth: Float32, intrinsics: Float64, pixels: Int64) -> Float32:
    """Angles between the view ray of pixels and the normal of their surface.

    In each direction the gentler of the two one-sided slopes counts: the last pixel of a surface before a clean step
    belongs to that surface. A pixel nearer, or farther, than both its neighbours has no slope: it is a thin thing.

    Args:
        depth: [H, W] metres along z, NaN where unknown.
        intrinsics: [3, 3] in pixels of the depth map.
        pixels: [N] flat indices.

    Returns:
        [N] float32 radians, NaN where unknown.
    """
    rows, columns = np.divmod(pixels, depth.shape[1])
    points = _points(depth, intrinsics, rows, columns)
    left, right = (_points(depth, intrinsics, rows, columns + step) for step in (-1, 1))
    above, below = (_points(depth, intrinsics, rows + step, columns) for step in (-1, 1))
    across = _slope(left, points, right, 0, intrinsics[0, 0])
    down = _slope(above, points, below, 1, intrinsics[1, 1])
    normal = np.cross(across, down)
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.sqrt(np.einsum("nc,nc->n", normal, normal) * np.einsum("nc,nc->n", points, points))
        cosine = np.abs(np.einsum("nc,nc->n", normal, points)) / lengths
    return np.asarray(np.arccos(np.clip(cosine, 0.0, 1.0)), dtype=np.float32)


def _unsupported(depth: Float32, depths_around: Float32, pixels: Int64, rules: FlyingRules) -> Bool:
    """[N] which of N pixels have a depth that too few of the known ones around them share."""
    offsets = np.arange(-(rules.k // 2), rules.k // 2 + 1)
    depths = depths_around.take(neighbours(*np.divmod(pixels, depth.shape[1]), offsets, depth.shape[1]))
    mine = depth.take(pixels)[:, None]
    with np.errstate(invalid="ignore"):
        shared = (np.abs(depths - mine) <= np.float32(rules.same_depth) * mine).sum(axis=1)
    return np.asarray(shared < rules.support * np.isfinite(depths).sum(axis=1), dtype=np.bool_)


def _points(depth: Float32, intrinsics: Float64, rows: Int64, columns: Int64) -> Float32:
    """[N, 3] points of N pixels in the camera's frame, metres, NaN where unknown and beyond the border."""
    height, width = depth.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    depths = np.where(inside, depth.take(rows * width + columns, mode="clip"), np.float32(np.nan))
    centres = np.stack([columns + 0.5, rows + 0.5], axis=1)
    return unproject_pixels(centres, depths, intrinsics).astype(np.float32)


def _slope(one: Float32, points: Float32, other: Float32, axis: int, focal: float) -> Float32:
    """Steps along the surface, x or y, at given points; see view_angles for which side counts.

    Args:
        one, other: [N, 3] the two neighbours of each point.
        points: [N, 3].
        axis: 0 for x, 1 for y.
        focal: pixels, along that axis.

    Returns:
        [N, 3] metres a pixel.
    """
    before, after = points - one, other - points
    use_before = np.isnan(after[:, 2]) | (np.abs(before[:, 2]) < np.abs(after[:, 2]))
    slope = np.where(use_before[:, None], before, after)
    level = np.zeros_like(points)
    level[:, axis] = points[:, 2] / np.float32(focal)
    extreme = before[:, 2] * after[:, 2] < 0
    return np.where(extreme[:, None], level, slope)
