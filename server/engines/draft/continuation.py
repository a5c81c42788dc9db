"""Continue the surfaces around a hole into it: the depth of what is behind a foreground, and beside the photo.

Inverse depth is affine in the pixel for a plane of the world. So the planes around a hole are continued (a floor goes
on as a floor), the farther ones more than the nearer ones, which stand in front of what the hole shows, and never to
where they would hide what the photo shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Bool, Float32, Float64
from server.engines.draft.free_space import FreeSpace
from server.engines.draft.surfaces import RING, View
from server.geometry.distance import nearest, within
from server.geometry.pull_push import pull_push

HIDDEN_WEIGHT = 0.1
"""Weight of the background that is hidden behind a foreground's edge, beside 1 for background that is seen."""
SLOPE_STEP = 5
"""Pixels over which the slope of inverse depth is measured."""
STEEPEST = (0.4, 2.5)
"""Limits of a continued plane's inverse depth, as factors of that of its surroundings."""
SAME_SURFACE = 0.1
"""Relative difference of inverse depth up to which a continued surface is one that is seen."""
FEWEST_DONORS = 16
"""Pixels around the holes that are enough; with fewer, the whole view is continued."""
FAR_POWER = 8
"""How fast a donor loses weight as it comes nearer than its hole's surroundings: a tenth nearer, half the weight."""
FAR_STEPS = 3
"""How often the surroundings are averaged again with the new weights."""
LEAST_SHARE = 0.02
"""Share of its weight that a donor keeps at least."""


@dataclass(frozen=True, eq=False)
class Rays:
    """The painting camera and the space that must stay free.

    Attributes:
        intrinsics: [3, 3] pixels.
        camera_to_world: [4, 4].
        free: in the frame of the photo's camera, which is the world.
    """

    intrinsics: Float64
    camera_to_world: Float64
    free: FreeSpace

    def through(self, pixels: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Float32:
        """World directions [n, 3] of one metre along z, through pixels (rows [n], columns [n])."""
        rows, columns = pixels
        homogeneous = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1)
        rotation = self.camera_to_world[:3, :3] @ np.linalg.inv(self.intrinsics)
        return np.asarray(homogeneous @ rotation.T, dtype=np.float32)

    def cleared(self, pixels: tuple[NDArray[np.int64], NDArray[np.int64]], depth: Float32) -> Float32:
        """Depths [n] of pixels (rows [n], columns [n]), moved back to where they do not hide what the photo shows."""
        return self.free.behind(self.camera_to_world[:3, 3], self.through(pixels), depth)


@dataclass(frozen=True, eq=False)
class _Donors:
    """Pixels that are continued into the holes.

    Attributes:
        weight: [H, W] float32, 0 for pixels that are not continued.
        inverse_depth: [H, W] float32, 1 / metres.
        seen: [H, W] bool, whether the depth is of the pixel's own surface.
    """

    weight: Float32
    inverse_depth: Float32
    seen: Bool


def continued_inverse_depth(view: View, hole: Bool, reach: Bool, rays: Rays) -> Float32 | None:
    """Inverse depth [H, W], 1 / metres, of what a view's hole shows; None where nothing can be continued.

    Args:
        view: what the painting camera sees so far.
        hole: [H, W] the pixels to fill.
        reach: [H, W] the pixels where it will be used.
        rays: of the painting camera.
    """
    usable = view.covered & ~view.barred
    donors = _donors(view, hole, usable)
    if not (hole.any() and donors.weight.any()):
        return None
    donors = _farther(donors, hole)
    inverse_depth = _continued(donors)
    _step_back(inverse_depth, donors, reach & ~usable, rays)
    return inverse_depth


def _donors(view: View, hole: Bool, usable: Bool) -> _Donors:
    """The pixels around the holes: background as it is seen, a foreground's edge as the background it hides."""
    ring = view.covered & within(hole, RING)
    hidden = ring & ~usable & np.isfinite(view.behind_depth) & (view.behind_depth > view.depth)
    seen = ring & usable
    if (seen | hidden).sum() < FEWEST_DONORS:
        seen = usable if usable.sum() >= FEWEST_DONORS else view.covered
        hidden = np.zeros_like(seen)
    depth = np.where(hidden, view.behind_depth, np.where(seen, view.depth, 1))
    return _Donors(
        np.where(seen, 1, np.where(hidden, HIDDEN_WEIGHT, 0)).astype(np.float32),
        np.where(seen | hidden, 1 / depth, 0).astype(np.float32),
        seen,
    )


def _farther(donors: _Donors, hole: Bool) -> _Donors:
    """The donors with less weight where they are nearer than what surrounds their hole, which continues behind them."""
    given = donors.weight > 0
    their_hole = nearest(hole, given)
    weight = donors.weight.copy()
    for _ in range(FAR_STEPS):
        around = pull_push(donors.inverse_depth[..., None], weight)[..., 0]
        share = np.minimum(around[their_hole] / np.maximum(donors.inverse_depth[given], 1e-6), 1)
        weight[given] = donors.weight[given] * np.maximum(share**FAR_POWER, LEAST_SHARE)
    return replace(donors, weight=weight)


def _step_back(inverse_depth: Float32, donors: _Donors, invented: Bool, rays: Rays) -> None:
    """Where the continuation would hide what the photo shows, continue what is farther instead; in place.

    Args:
        inverse_depth: [H, W], is changed.
        donors: what is continued.
        invented: [H, W] the pixels to look at.
        rays: of the painting camera.
    """
    row, column = np.nonzero(invented)
    pixels = row, column
    depth = 1 / inverse_depth[pixels]
    cleared = rays.cleared(pixels, depth)
    moved = cleared > depth
    if not moved.any():
        return
    rows, columns = row[moved], column[moved]
    limit = np.zeros_like(inverse_depth)
    limit[rows, columns] = 1 / cleared[moved]
    given = donors.weight > 0
    allowed = donors.inverse_depth[given] <= limit[nearest(limit > 0, given)] * (1 + SAME_SURFACE)
    if not allowed.any():
        return
    weight = donors.weight.copy()
    weight[given] *= allowed
    farther = replace(donors, weight=weight)
    behind = _continued(farther)
    inverse_depth[rows, columns] = 1 / rays.cleared((rows, columns), 1 / behind[rows, columns])


def _continued(donors: _Donors) -> Float32:
    """Inverse depth [H, W] everywhere, continued from the donors.

    Inverse depth is continued as planes, because it is affine in the pixel for a plane of the world: a floor goes on
    as a floor.
    """
    height, width = donors.weight.shape
    inverse = donors.inverse_depth
    slope_x, slope_y = (_slope(inverse, donors.seen, axis) * width for axis in (1, 0))
    x = (np.arange(width, dtype=np.float32) - width / 2)[None, :] / width
    y = (np.arange(height, dtype=np.float32) - height / 2)[:, None] / width
    plane = np.stack([inverse, inverse - slope_x * x - slope_y * y, slope_x, slope_y], axis=-1)
    filled = pull_push(plane.astype(np.float32), donors.weight)
    level, offset, along_x, along_y = np.moveaxis(filled, -1, 0)
    continued = offset + along_x * x + along_y * y
    inverse_depth = np.clip(continued, STEEPEST[0] * level, STEEPEST[1] * level)
    return np.asarray(inverse_depth, dtype=np.float32)


def _slope(inverse: Float32, seen: Bool, axis: int) -> Float32:
    """[H, W] change of inverse depth a pixel along an axis, within one surface; 0 where it is not known."""
    total, count = np.zeros_like(inverse), np.zeros(inverse.shape, np.float32)
    for step in (SLOPE_STEP, -SLOPE_STEP):
        moved, there = np.roll(inverse, -step, axis), np.roll(seen, -step, axis)
        wrapped = [slice(None)] * 2
        wrapped[axis] = slice(-step, None) if step > 0 else slice(None, -step)
        there[tuple(wrapped)] = False
        same = there & seen & (np.abs(moved - inverse) < 0.1 * inverse)
        total += np.where(same, (moved - inverse) / step, 0)
        count += same
    return np.asarray(total / np.maximum(count, 1), dtype=np.float32)
