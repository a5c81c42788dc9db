"""The sky, which has no depth: found, and put on a far shell so that it moves as a sky does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening, gaussian_filter, label

from blender_addon.core.projection import pixel_grid
from blender_addon.core.shot import Float32, UInt8
from blender_addon.core.trajectory import Float64

FLAT = 4.0
"""Levels of 255 by which a sky's brightness may vary within a few pixels."""
BRIGHT = 90.0
"""Mean level of 255 above which a flat region that touches the top may be sky."""
FAR = 0.85
"""Share of the predictor's limit from which a depth says no more than "far"."""

ALIKE = 30.0
"""Levels of 255 by which the rim of a sky may differ from it."""
GROW = 8
"""Pixels."""


def find_sky(photo: UInt8, depth: Float32, farthest: float | None) -> NDArray[np.bool_]:
    """[H, W] sky in photo [H, W, 3]: flat, bright, of unknown or farthest depth [H, W] and joined to the top edge.

    farthest: metres beyond which the predictor cannot see, None if it has no limit. A rule of thumb: show it to the
    artist, who may clear it.
    """
    brightness = photo.astype(np.float64).mean(axis=-1)
    mean = gaussian_filter(brightness, 2.0)
    unevenness = np.sqrt(np.maximum(gaussian_filter(brightness**2, 2.0) - mean**2, 0.0))
    no_depth = ~np.isfinite(depth)
    if farthest is not None:
        no_depth |= depth > FAR * farthest
    regions, _ = label(binary_opening((unevenness < FLAT) & (mean > BRIGHT) & no_depth, iterations=2))
    at_top = np.unique(regions[:3])
    seed = np.isin(regions, at_top[at_top > 0])
    if not seed.any():
        return seed
    # The blur above keeps clear of every edge: grow up to it over what is as bright as the sky.
    alike = no_depth & (np.abs(brightness - np.median(brightness[seed])) < ALIKE)
    return np.asarray(binary_dilation(seed, mask=alike | seed, iterations=GROW), dtype=np.bool_)


def sky_shell(depth: Float32, sky: NDArray[np.bool_], intrinsics: Float64, radius: float) -> Float32:
    """Depth [H, W] with the sky on a sphere of `radius` metres around the camera; intrinsics [3, 3] px."""
    height, width = depth.shape
    rays = (
        np.concatenate([pixel_grid(width, height), np.ones((height, width, 1))], axis=-1) @ np.linalg.inv(intrinsics).T
    )
    return np.where(sky, radius / np.linalg.norm(rays, axis=-1), depth).astype(np.float32)
