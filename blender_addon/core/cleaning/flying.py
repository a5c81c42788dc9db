"""Pixels that hang between two surfaces: what a blurred depth edge becomes in three dimensions.

Two rules by geometry: a pixel that few of its neighbours share the depth of, and one whose surface is seen edge-on
from both sides. Both hold only where depth jumps and bends within k x k pixels: a floor seen at a grazing angle is
steep, but a plane, whose inverse depth does not bend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..projection import unproject
from ..shot import Float32
from ..trajectory import Float64
from .windows import Bool, Index, bends, depth_jumps, in_batches, neighbours


@dataclass(frozen=True)
class FlyingRules:
    """k: side of the window, pixels, odd. edge: relative jump that makes two surfaces.

    same_depth: relative difference within which a neighbour shares a pixel's depth; support: which share of the known
    ones must, the pixel itself counted (a line of one pixel has 1 / k). angle: radians between view ray and surface
    normal beyond which a surface is edge-on.
    """

    k: int = 5
    edge: float = 0.05
    same_depth: float = 0.02
    support: float = 0.16
    angle: float = float(np.radians(84.0))


DEFAULT_RULES = FlyingRules()


def flying_pixels(depth: Float32, intrinsics: Float64, rules: FlyingRules = DEFAULT_RULES) -> Bool:
    """[H, W] which pixels of depth [H, W] (metres, NaN unknown) fly; intrinsics [3, 3] px of the depth's size."""
    at_jump = np.isfinite(depth) & depth_jumps(depth, rules.k, rules.edge) & bends(depth, rules.k, rules.edge / 2)
    result = np.zeros(depth.shape, dtype=np.bool_)
    result[at_jump] = view_angles(depth, intrinsics)[at_jump] > rules.angle
    _add_unsupported(result, depth, at_jump, rules)
    return result


def view_angles(depth: Float32, intrinsics: Float64) -> Float32:
    """[H, W] radians between each pixel's view ray and the normal of its surface, NaN where unknown.

    In each direction the gentler of the two one-sided slopes counts: the last pixel of a surface before a clean step
    belongs to that surface. A pixel nearer, or farther, than both its neighbours has no slope: it is a thin thing.
    """
    points = unproject(depth, intrinsics).astype(np.float32)
    across, down = _slope(points, 1, intrinsics[0, 0]), _slope(points, 0, intrinsics[1, 1])
    normal = np.cross(across, down)
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.sqrt(np.einsum("hwc,hwc->hw", normal, normal) * np.einsum("hwc,hwc->hw", points, points))
        cosine = np.abs(np.einsum("hwc,hwc->hw", normal, points)) / lengths
    return np.asarray(np.arccos(np.clip(cosine, 0.0, 1.0)), dtype=np.float32)


def _add_unsupported(result: Bool, depth: Float32, where: Bool, rules: FlyingRules) -> None:
    offsets = np.arange(-(rules.k // 2), rules.k // 2 + 1)
    flat = depth.ravel()

    def add(pixels: Index) -> None:
        around, inside = neighbours(*np.divmod(pixels, depth.shape[1]), offsets, depth.shape)
        depths, mine = flat[around], flat[pixels][:, None]
        counted = inside & np.isfinite(depths)
        with np.errstate(invalid="ignore"):
            shared = (counted & (np.abs(depths - mine) <= np.float32(rules.same_depth) * mine)).sum(axis=1)
        result.flat[pixels] |= shared < rules.support * counted.sum(axis=1)

    in_batches(np.flatnonzero(where), add)


def _slope(points: Float32, axis: int, focal: float) -> Float32:
    """[H, W, 3] way along the surface to the next pixel along `axis`, by the gentler side; see view_angles."""
    step = np.diff(points, axis=axis)
    nothing = np.full_like(np.take(points, [0], axis=axis), np.nan)
    after, before = np.concatenate([step, nothing], axis=axis), np.concatenate([nothing, step], axis=axis)
    use_before = np.isnan(after[..., 2]) | (np.abs(before[..., 2]) < np.abs(after[..., 2]))
    slope = np.where(use_before[..., None], before, after)
    level = np.zeros_like(points)
    level[..., 1 - axis] = points[..., 2] / np.float32(focal)
    with np.errstate(invalid="ignore"):
        extreme = before[..., 2] * after[..., 2] < 0
    return np.where(extreme[..., None], level, slope)
