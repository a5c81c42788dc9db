"""Everything that is done to a depth map before it becomes a scene, each step with the mask that shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.depth_cleaning import DEFAULT_RULES, FlyingRules, flying_pixels
from blender_addon.core.errors import PhotoError
from blender_addon.core.projection import unproject
from blender_addon.core.shot import Float32, UInt8
from blender_addon.core.trajectory import Float64
from server.geometry.point_filters import statistical_outliers

from .refine_edges import refine_edges
from .sky import find_sky, sky_shell

SKY_BEYOND = 3.0
"""The sky's shell lies this many times as far as the farthest known depth."""

DENSE = 0.4
"""Share of known pixels from which a depth map has neighbours that say something: a car's LiDAR has fewer."""


@dataclass(frozen=True)
class Cleaning:
    """Which steps to take. farthest: the predictor's limit, metres, None if it has none."""

    edges: bool = True
    flying: FlyingRules | None = DEFAULT_RULES
    outliers: bool = True
    sky: bool = True
    farthest: float | None = None


DEFAULT_CLEANING = Cleaning()


@dataclass(frozen=True, eq=False)
class CleanDepth:
    """depth [H, W] float32 metres, NaN where unknown or dropped; masks [H, W] of what each step touched, to be shown
    over the photo: edges moved, pixels dropped as flying or as outliers, sky put on its shell."""

    depth: Float32
    moved: NDArray[np.bool_]
    flying: NDArray[np.bool_]
    outliers: NDArray[np.bool_]
    sky: NDArray[np.bool_]


def clean_depth(depth: Float32, photo: UInt8, intrinsics: Float64, cleaning: Cleaning = DEFAULT_CLEANING) -> CleanDepth:
    """Clean depth [H, W] of photo [H, W, 3]; intrinsics [3, 3] px of that size.

    A sparse map (below DENSE) keeps its edges and loses statistical outliers only.
    Raises PhotoError when the sizes differ: bring depth to the photo's size first (guided_upsample).
    """
    if depth.shape != photo.shape[:2]:
        raise PhotoError("The depth is not of the photo's size", f"depth {depth.shape}, photo {photo.shape[:2]}")
    nothing = np.zeros(depth.shape, dtype=np.bool_)
    sky = find_sky(photo, depth, cleaning.farthest) if cleaning.sky else nothing
    # Not known before the shell: the sky's edge is no depth edge to clean.
    result = np.where(sky, np.nan, depth).astype(np.float32)
    moved = nothing
    dense = np.isfinite(depth).mean() >= DENSE
    if cleaning.edges and dense:
        refined = refine_edges(result, photo)
        moved = np.isfinite(result) & (np.abs(refined / result - 1) > 0.01)
        result = refined
    flying = flying_pixels(result, intrinsics, cleaning.flying) if cleaning.flying and dense else nothing
    result[flying] = np.nan
    outliers = nothing.copy()
    if cleaning.outliers:
        known = np.isfinite(result)
        outliers[known] = statistical_outliers(unproject(result, intrinsics)[known])
        result[outliers] = np.nan
    if sky.any() and np.isfinite(result).any():
        result = sky_shell(result, sky, intrinsics, SKY_BEYOND * float(np.nanmax(result)))
    return CleanDepth(result, moved, flying, outliers, sky)
