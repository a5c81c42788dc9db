"""Pixels that hang between two surfaces: what a blurred depth edge becomes in three dimensions.

Two rules by geometry: a pixel that few of its neighbours share the depth of, and one whose surface is seen edge-on
from both sides. Both hold only where depth jumps and bends within k x k pixels: a floor seen at a grazing angle is
steep, but a plane, whose inverse depth does not bend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .projection import unproject
from .shot import Float32
from .trajectory import Float64


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


def flying_pixels(depth: Float32, intrinsics: Float64, rules: FlyingRules = DEFAULT_RULES) -> NDArray[np.bool_]:
    """[H, W] which pixels of depth [H, W] (metres, NaN unknown) fly; intrinsics [3, 3] px of the depth's size."""
    at_jump = np.isfinite(depth) & depth_jumps(depth, rules.k, rules.edge) & bends(depth, rules.k, rules.edge / 2)
    result = np.zeros(depth.shape, dtype=np.bool_)
    result[at_jump] = _unsupported(depth, at_jump, rules) | (view_angles(depth, intrinsics)[at_jump] > rules.angle)
    return result


def view_angles(depth: Float32, intrinsics: Float64) -> Float32:
    """[H, W] radians between each pixel's view ray and the normal of its surface, NaN where unknown.

    In each direction the gentler of the two one-sided slopes counts: the last pixel of a surface before a clean step
    belongs to that surface. A pixel nearer, or farther, than both its neighbours has no slope: it is a thin thing.
    """
    points = unproject(depth, intrinsics)
    across, down = _slope(points, 1, intrinsics[0, 0]), _slope(points, 0, intrinsics[1, 1])
    normal = np.cross(across, down)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.abs((normal * points).sum(-1)) / (np.linalg.norm(normal, axis=-1) * np.linalg.norm(points, axis=-1))
    return np.asarray(np.arccos(np.clip(cosine, 0.0, 1.0)), dtype=np.float32)


def _unsupported(depth: Float32, where: NDArray[np.bool_], rules: FlyingRules) -> NDArray[np.bool_]:
    mine = depth[where][:, None, None]
    with np.errstate(invalid="ignore"):
        around = windows(depth, rules.k)[where]
        shared = (np.abs(around - mine) <= rules.same_depth * mine).sum(axis=(1, 2))
    return np.asarray(shared < rules.support * np.isfinite(around).sum(axis=(1, 2)), dtype=np.bool_)


def _slope(points: Float64, axis: int, focal: float) -> Float64:
    """[H, W, 3] way along the surface to the next pixel along `axis`, by the gentler side; see view_angles."""
    step = np.diff(points, axis=axis)
    nothing = np.full_like(np.take(points, [0], axis=axis), np.nan)
    after, before = np.concatenate([step, nothing], axis=axis), np.concatenate([nothing, step], axis=axis)
    use_before = np.isnan(after[..., 2]) | (np.abs(before[..., 2]) < np.abs(after[..., 2]))
    slope = np.where(use_before[..., None], before, after)
    level = np.zeros_like(points)
    level[..., 1 - axis] = points[..., 2] / focal
    with np.errstate(invalid="ignore"):
        extreme = before[..., 2] * after[..., 2] < 0
    return np.where(extreme[..., None], level, slope)


def windows(depth: Float32, k: int) -> Float32:
    """[H, W, k, k] view of the k x k neighbourhood of every pixel of depth [H, W], mirrored at the border."""
    padded = np.pad(depth, k // 2, mode="reflect")
    return sliding_window_view(padded, (k, k))


def depth_jumps(depth: Float32, k: int, edge: float) -> NDArray[np.bool_]:
    """[H, W] where the farthest known depth within k x k is more than (1 + edge) times the nearest."""
    unknown = ~np.isfinite(depth)
    nearest = _over_windows(np.minimum, np.where(unknown, np.inf, depth), k)
    farthest = _over_windows(np.maximum, np.where(unknown, -np.inf, depth), k)
    with np.errstate(invalid="ignore"):
        return np.asarray(farthest > nearest * (1 + edge), dtype=np.bool_)


def bends(depth: Float32, k: int, edge: float) -> NDArray[np.bool_]:
    """[H, W] where within k x k the inverse depth deviates from a straight line by `edge` of itself, along x or y."""
    inverse = 1 / depth
    span = k // 2
    bent = np.zeros(depth.shape, dtype=np.bool_)
    for axis in (0, 1):
        padded = np.pad(inverse, [(span, span) if a == axis else (0, 0) for a in (0, 1)], constant_values=np.nan)
        size = depth.shape[axis]
        before, after = (np.take(padded, range(at, at + size), axis=axis) for at in (0, 2 * span))
        with np.errstate(invalid="ignore"):
            bent |= np.abs(before - 2 * inverse + after) > edge * inverse
    return np.asarray(_over_windows(np.logical_or, bent, k), dtype=np.bool_)


def _over_windows(pick: Callable[..., NDArray[Any]], values: NDArray[Any], k: int) -> NDArray[Any]:
    """np.minimum, np.maximum or np.logical_or over the k x k neighbourhood of every value [H, W]; nothing counts
    beyond the border."""
    for axis in (0, 1):
        padded = np.pad(values, [(k // 2, k // 2) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        size = values.shape[axis]
        values = np.take(padded, range(size), axis=axis)
        for shift in range(1, k):
            values = pick(values, np.take(padded, range(shift, shift + size), axis=axis))
    return values
