"""From relative to absolute scale: find the number of metres in a reconstruction's unit.

Each triangulated point seen in a frame gives a vote: metric depth at its pixel divided by its z. The frame's scale is
the median of its votes, the clip's scale the median of its frames'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Float32, Float64

from .sparse import SparseModel

Floats = Float32 | Float64

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Metric depth of a frame.

    Attributes:
        depth: [h, w] float32 metres along z, NaN where unknown.
        intrinsics: [3, 3] in pixels of the depth map; None when it covers the frame's field of view exactly.
    """

    depth: Float32
    intrinsics: Float64 | None = None


DepthOfFrame = Callable[[int], DepthMap | None]
"""Frame index -> its metric depth, None where there is none."""


@dataclass(frozen=True)
class ScaleRules:
    """When a clip's scale is accepted.

    Attributes:
        points_in_a_frame: votes that a frame needs to have a scale.
        frames: frames with a scale that a clip needs (all, if it has fewer).
        inlier_within: relative deviation from the clip's scale up to which a vote is an inlier.
        inlier_share: share of the votes that must be inliers.
        spread: largest robust standard deviation of the frames' scales, relative to the clip's.
    """

    points_in_a_frame: int = 20
    frames: int = 3
    inlier_within: float = 0.15
    inlier_share: float = 0.5
    spread: float = 0.15


DEFAULT_RULES = ScaleRules()


@dataclass(frozen=True, eq=False)
class ClipScale:
    """A clip's scale and whether it is accepted.

    Attributes:
        scale: metres in one unit of the reconstruction, NaN when no frame has a scale.
        frame_scales: [F] float64, NaN where a frame has too few points.
        spread: robust standard deviation of the frame scales, relative to `scale`.
        votes: how many observed points have depth.
        inliers: how many votes are within the rule of the clip's scale.
        refusal: why the scale is not accepted, "" when it is.
    """

    scale: float
    frame_scales: Float64
    spread: float
    votes: int
    inliers: int
    refusal: str


def depth_at(depth: Float32, pixel: Float64, width: int, height: int) -> Float32:
    """Depth under pixels of a picture that the depth map covers exactly.

    Args:
        depth: [h, w] metres.
        pixel: [N, 2] (x, y) in pixels of width x height.
        width, height: of the picture.

    Returns:
        [N] float32, NaN outside. Indices are truncated, as published.
    """
    rows, columns = depth.shape
    return _looked_up(depth, pixel[:, 0] / width * columns, pixel[:, 1] / height * rows)


def depth_along(depth: DepthMap, pixel: Float64, intrinsics: Float64, width: int, height: int) -> Float32:
    """Depth under pixels of a picture, looked up where the depth camera sees the same ray.

    Args:
        depth: the frame's depth, with or without a camera of its own.
        pixel: [N, 2] (x, y) in pixels of width x height.
        intrinsics: [3, 3] of the picture.
        width, height: of the picture.

    Returns:
        [N] float32 metres, NaN outside.
    """
    if depth.intrinsics is None:
        return depth_at(depth.depth, pixel, width, height)
    there = np.column_stack([pixel, np.ones(len(pixel))]) @ (depth.intrinsics @ np.linalg.inv(intrinsics)).T
    return _looked_up(depth.depth, there[:, 0] / there[:, 2], there[:, 1] / there[:, 2])


def median_scale(metric: Floats, relative: Float64) -> float:
    """The median of metric / relative depth.

    Args:
        metric: [N] metres.
        relative: [N] in the unit of the reconstruction.

    Returns:
        Metres in one unit, over points where both are finite and positive; NaN when there is none.
    """
    votes = scale_votes(metric, relative)
    return float(np.median(votes)) if len(votes) else float("nan")


def scale_votes(metric: Floats, relative: Float64) -> Float64:
    """[M] float64, metric / relative over those of [N] points where both are finite and positive."""
    usable = np.isfinite(metric) & np.isfinite(relative) & (metric > 0) & (relative > 0)
    return np.asarray(metric[usable] / relative[usable], dtype=np.float64)


def clip_scale(
    model: SparseModel,
    intrinsics: Float64,
    size: tuple[int, int],
    depth_of_frame: DepthOfFrame,
    rules: ScaleRules = DEFAULT_RULES,
) -> ClipScale:
    """The scale of a clip's reconstruction.

    A clip whose frames disagree is refused, not averaged: see ClipScale.refusal.

    Args:
        model: the reconstruction.
        intrinsics: [F, 3, 3] in pixels of `size`.
        size: (width, height) of the frames.
        depth_of_frame: metric depth by frame index; called only for frames that observed a point.
        rules: when a scale is accepted.
    """
    relative = model.depths()
    votes: list[Float64] = []
    for frame in range(len(model.camera_to_world)):
        mine = model.frame == frame
        depth = depth_of_frame(frame) if mine.any() else None
        if depth is None:
            votes.append(np.empty(0))
            continue
        metric = depth_along(depth, model.pixel[mine], intrinsics[frame], *size)
        votes.append(scale_votes(metric, relative[mine]))
    return agreed_scale(votes, rules)


def agreed_scale(votes: list[Float64], rules: ScaleRules = DEFAULT_RULES) -> ClipScale:
    """The clip's scale from the votes of its frames.

    Args:
        votes: F arrays of metric / relative depth, empty for frames without.
        rules: when a scale is accepted.
    """
    frame_scales = np.array([np.median(vote) if len(vote) >= rules.points_in_a_frame else np.nan for vote in votes])
    known = frame_scales[np.isfinite(frame_scales)]
    scale = float(np.median(known)) if len(known) else float("nan")
    spread = float(MAD_TO_SIGMA * np.median(np.abs(known - scale)) / scale) if len(known) else float("nan")
    pooled = np.concatenate([*votes, np.empty(0)])
    inliers = int((np.abs(pooled / scale - 1) <= rules.inlier_within).sum()) if len(known) else 0
    refusal = _refusal(len(known), len(votes), spread, inliers, len(pooled), rules)
    return ClipScale(scale, frame_scales, spread, len(pooled), inliers, refusal)


def _refusal(known: int, frames: int, spread: float, inliers: int, votes: int, rules: ScaleRules) -> str:
    if known < min(rules.frames, frames):
        return (
            f"Only {known} of {frames} frames have {rules.points_in_a_frame} points with depth "
            f"({min(rules.frames, frames)} needed)."
        )
    if spread > rules.spread:
        return f"The frames disagree: their scales spread by {spread:.0%} ({rules.spread:.0%} allowed)."
    if inliers < rules.inlier_share * votes:
        return (
            f"The points disagree: {inliers} of {votes} lie within {rules.inlier_within:.0%} of the clip's scale "
            f"({rules.inlier_share:.0%} needed)."
        )
    return ""


def _looked_up(depth: Float32, x: Float64, y: Float64) -> Float32:
    rows, columns = depth.shape
    # A point behind the depth camera has no pixel there.
    inside = np.isfinite(x) & np.isfinite(y) & (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
    result = np.full(len(x), np.nan, dtype=np.float32)
    result[inside] = depth[y[inside].astype(np.int64), x[inside].astype(np.int64)]
    return result
