"""All steps that clean a depth map before it becomes a scene, and masks of what each step changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...arrays import Float32, Float64, UInt8
from ...errors import PhotoError
from .edges import refine_edges
from .flying import DEFAULT_RULES, FlyingRules, flying_pixels
from .outliers import NearestSearch, depth_outliers, window_search
from .sky import find_sky, sky_shell

MOVED, FLYING, OUTLIER, SKY = 1, 2, 4, 8
"""Bits of CleanDepth.cleaning_flags."""

SKY_BEYOND = 3.0
"""The sky's shell is this many times as far as the farthest known depth."""

DENSE = 0.4
"""Share of known pixels from which a depth map is dense; a car's LiDAR has fewer, too far apart to be compared."""

SHIFTED = 0.01
"""Relative change above which a pixel takes its refined depth; smaller changes are not applied."""


@dataclass(frozen=True)
class Cleaning:
    """Which steps to take.

    Attributes:
        edges: move depth edges to the photo's edges.
        flying: rules for dropping flying pixels; None to keep them.
        outliers: drop statistical outliers.
        sky: put the sky on a far shell.
        farthest: the predictor's limit, metres; None if it has none.
    """

    edges: bool = True
    flying: FlyingRules | None = DEFAULT_RULES
    outliers: bool = True
    sky: bool = True
    farthest: float | None = None


STEPS = ("the sky", "edges", "flying pixels", "outliers")
"""The steps in order, named for progress messages."""

DEFAULT_CLEANING = Cleaning()
UNTOUCHED = Cleaning(edges=False, flying=None, outliers=False, sky=False)


@dataclass(frozen=True, eq=False)
class CleanDepth:
    """A cleaned depth map and what was done to it.

    Attributes:
        depth: [H, W] float32 metres, NaN where unknown or dropped.
        before: [H, W] float32, the same before cleaning.
        cleaning_flags: [H, W] uint8, bits of the steps that changed a pixel: an edge MOVED, a pixel dropped as
            FLYING or as an OUTLIER, SKY put on its shell.
    """

    depth: Float32
    before: Float32
    cleaning_flags: UInt8

    def mask(self, bit: int) -> NDArray[np.bool_]:
        """[H, W] bool, where a step changed the depth.

        Args:
            bit: MOVED, FLYING, OUTLIER or SKY.
        """
        return np.asarray((self.cleaning_flags & bit) != 0, dtype=np.bool_)


def clean_depth(
    depth: Float32,
    photo: UInt8,
    intrinsics: Float64,
    cleaning: Cleaning = DEFAULT_CLEANING,
    search: NearestSearch = window_search,
    begins: Callable[[str], None] = lambda _step: None,
) -> CleanDepth:
    """Clean a depth map with the help of its photo.

    A sparse map (below DENSE) keeps its edges and flying pixels: only its sky and statistical outliers are cleaned.

    Args:
        depth: [H, W] float32 metres along z, NaN where unknown.
        photo: [H, W, 3] uint8 sRGB.
        intrinsics: [3, 3] in pixels of that size.
        cleaning: which steps to take.
        search: how the nearest neighbours of points are found.
        begins: called with each of STEPS before it is taken; an exception from it ends the cleaning.

    Raises:
        PhotoError: the sizes differ; bring depth to the photo's size first (guided_upsample).
    """
    if depth.shape != photo.shape[:2]:
        raise PhotoError("The depth is not of the photo's size", f"depth {depth.shape}, photo {photo.shape[:2]}")
    cleaning_flags = np.zeros(depth.shape, dtype=np.uint8)
    result = depth.astype(np.float32)
    dense = np.isfinite(depth).mean() >= DENSE
    begins(STEPS[0])
    if cleaning.sky:
        sky = find_sky(photo, depth, cleaning.farthest)
        cleaning_flags[sky] |= SKY
        # Not known before the shell: the sky's edge is no depth edge to clean.
        result[sky] = np.nan
    begins(STEPS[1])
    if cleaning.edges and dense:
        refined = refine_edges(result, photo)
        moved = np.isfinite(result) & (np.abs(refined / result - 1) > SHIFTED)
        cleaning_flags[moved] |= MOVED
        result[moved] = refined[moved]
    begins(STEPS[2])
    if cleaning.flying is not None and dense:
        flying = flying_pixels(result, intrinsics, cleaning.flying)
        cleaning_flags[flying] |= FLYING
        result[flying] = np.nan
    begins(STEPS[3])
    if cleaning.outliers:
        outliers = depth_outliers(result, intrinsics, search)
        cleaning_flags[outliers] |= OUTLIER
        result[outliers] = np.nan
    sky = (cleaning_flags & SKY) != 0
    if sky.any() and np.isfinite(result).any():
        result = sky_shell(result, sky, intrinsics, SKY_BEYOND * float(np.nanmax(result)))
    return CleanDepth(result, depth, cleaning_flags)
