"""Find the sky, which has no depth, and put it on a far shell so that it moves as a sky does."""

from __future__ import annotations

import numpy as np

from ...arrays import Bool, Float32, Float64, UInt8
from ...camera.projection import pixel_grid
from .windows import over_windows

SMOOTHED = 7
"""Side of the window, pixels, within which brightness must be even."""
FLAT = 4.0
"""Levels of 255 by which a sky's brightness may vary there."""
BRIGHT = 90.0
"""Mean level of 255 above which a flat region that touches the top may be sky."""
FAR = 0.85
"""Share of the predictor's limit from which a depth means only "far"."""
SMALLEST = 5
"""Pixels. What is narrower is not part of a sky."""
ALIKE = 30.0
"""Levels of 255 by which the rim of a sky may differ from its median brightness."""
GROW = 8
"""Pixels by which the sky is grown towards its edge at most."""


def find_sky(photo: UInt8, depth: Float32, farthest: float | None) -> Bool:
    """The sky of a photo: flat, bright, of unknown or farthest depth, and joined to the top edge.

    This is a heuristic: show it to the artist, who may clear it.

    Args:
        photo: [H, W, 3] uint8 sRGB.
        depth: [H, W] metres along z, NaN where unknown.
        farthest: metres beyond which the predictor cannot see; None if it has no limit.

    Returns:
        [H, W] bool.
    """
    no_depth = ~np.isfinite(depth)
    if farthest is not None:
        no_depth |= depth > FAR * farthest
    if not no_depth.any():
        return no_depth
    brightness = photo.mean(axis=-1, dtype=np.float32)
    mean = _smooth(brightness)
    unevenness = np.sqrt(np.maximum(_smooth(brightness**2) - mean**2, 0.0))
    flat = (unevenness < FLAT) & (mean > BRIGHT) & no_depth
    wide = over_windows(np.logical_or, over_windows(np.logical_and, flat, SMALLEST), SMALLEST)
    top = np.zeros_like(wide)
    top[:3] = wide[:3]
    seed = spread_within(top, wide)
    if not seed.any():
        return seed
    # The smoothing keeps clear of every edge: grow up to it over what is as bright as the sky.
    alike = no_depth & (np.abs(brightness - np.median(brightness[seed])) < ALIKE)
    sky = seed
    for _ in range(GROW):
        grown = sky.copy()
        grown[1:] |= sky[:-1]
        grown[:-1] |= sky[1:]
        grown[:, 1:] |= sky[:, :-1]
        grown[:, :-1] |= sky[:, 1:]
        sky = (grown & alike) | seed
    return sky


def sky_shell(depth: Float32, sky: Bool, intrinsics: Float64, radius: float) -> Float32:
    """The depth with the sky on a sphere around the camera.

    Args:
        depth: [H, W] metres along z.
        sky: [H, W] which pixels are sky.
        intrinsics: [3, 3] in pixels of the depth map.
        radius: of the sphere, metres.

    Returns:
        [H, W] float32 metres along z.
    """
    height, width = depth.shape
    ways = np.concatenate([pixel_grid(width, height)[sky], np.ones((int(sky.sum()), 1))], axis=-1)
    rays = ways @ np.linalg.inv(intrinsics).T
    result = depth.astype(np.float32)
    result[sky] = radius / np.linalg.norm(rays, axis=-1)
    return result


def spread_within(seed: Bool, mask: Bool) -> Bool:
    """[H, W] bool, the parts of `mask` [H, W] that are connected, side by side, to `seed` [H, W]."""
    reached = seed & mask
    while True:
        before = int(reached.sum())
        for axis in (0, 1):
            reached = _spread_along(reached, mask, axis)
        if int(reached.sum()) == before:
            return reached


def _spread_along(reached: Bool, mask: Bool, axis: int) -> Bool:
    """[H, W] bool, every run of the mask along an axis that contains a reached pixel."""
    if axis == 0:
        return _spread_along(reached.T, mask.T, 1).T
    gaps = ~np.pad(mask, ((0, 0), (1, 0)))
    run = np.cumsum(gaps).reshape(gaps.shape)[:, 1:]
    hit = np.zeros(int(run.max()) + 1, dtype=np.bool_)
    hit[run[reached]] = True
    return np.asarray(mask & hit[run], dtype=np.bool_)


def _smooth(values: Float32) -> Float32:
    """Mean over SMOOTHED x SMOOTHED pixels, those at the border repeated beyond it."""
    for axis in (0, 1):
        span = [(SMOOTHED // 2 + 1, SMOOTHED // 2) if a == axis else (0, 0) for a in (0, 1)]
        summed = np.cumsum(np.pad(values, span, mode="edge"), axis=axis, dtype=np.float64)
        after, before = np.split(summed, [SMOOTHED], axis=axis)[1], np.split(summed, [-SMOOTHED], axis=axis)[0]
        values = ((after - before) / SMOOTHED).astype(np.float32)
    return values
