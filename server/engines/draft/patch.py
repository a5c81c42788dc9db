"""Turn the holes of one camera's view into a surface: the background around a hole is continued into it.

Foregrounds are never continued.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Bool, Float32, Float64
from blender_addon.core.camera.projection import unproject_pixels
from blender_addon.core.depth.depth_mesh import same_surface
from server.engines.draft.free_space import FreeSpace
from server.engines.draft.surfaces import RING, Surface, View
from server.geometry.diffusion import conductance, diffused
from server.geometry.distance import nearest, within
from server.geometry.pull_push import pull_push
from server.geometry.texture import Texture

HIDDEN_WEIGHT = 0.1
"""Weight of the background that is hidden behind a foreground's edge, beside 1 for background that is seen."""
OVERLAP = 6
"""Pixels that a patch reaches under what surrounds its hole, so that no gap opens when the camera moves on."""
UNDER = 8
"""Pixels beside a hole that are painted as if what stands in front of it were not there."""
IN_FRONT = 1.1
"""Inverse depth over that of the surface that fills a hole from which a pixel stands in front of it."""
ONE_SURFACE = 0.08
"""Relative step of inverse depth from a pixel to the next within one surface."""
STRIDE = 2
"""Pixels between a patch's vertices: its depth is smooth, its colour is a texture of every pixel."""
SLOPE_STEP = 5
"""Pixels over which the slope of inverse depth is measured."""
STEEPEST = (0.4, 2.5)
"""Limits of a continued plane's inverse depth, as factors of that of its surroundings."""
PATCH_EDGE = 0.2
"""Relative depth jump between a patch's vertices where it is cut instead of stretched."""
FEWEST_DONORS = 16
"""Pixels around the holes that are enough; with fewer, the whole view is continued."""
FAR_POWER = 8
"""How fast a donor loses weight as it comes nearer than its hole's surroundings: a tenth nearer, half the weight."""
FAR_STEPS = 3
"""How often the surroundings are averaged again with the new weights."""
LEAST_SHARE = 0.02
"""Share of its weight that a donor keeps at least."""


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


def patch_of(
    view: View,
    hole: Bool,
    intrinsics: Float64,
    camera_to_world: Float64,
    free: FreeSpace,
    nothing_seen: tuple[Float32, float],
    alive: Callable[[], None] = lambda: None,
) -> Surface:
    """A surface for a hole in a view, which does not hide what the photo shows.

    Args:
        view: what the painting camera sees so far.
        hole: [H, W] pixels to fill, none of which it covers.
        intrinsics: [3, 3] of that camera, in pixels of the view.
        camera_to_world: [4, 4] of that camera.
        free: the space that must stay free.
        nothing_seen: colour [3] and depth, metres, of the patch when the view has nothing that could be continued.
        alive: called now and then; what it raises ends the work.
    """
    covered = view.covered
    usable = covered & ~view.barred
    donors = _donors(view, hole, usable)
    region = within(hole, OVERLAP)
    if hole.any() and donors.weight.any():
        donors = _farther(donors, hole)
        inverse_depth = _continued(donors)
        _step_back(inverse_depth, donors, region & ~usable, _Rays(intrinsics, camera_to_world, free))
    else:
        inverse_depth = np.full(covered.shape, 1 / nothing_seen[1], np.float32)
    colour, own = _colours(view, hole, inverse_depth, nothing_seen[0], alive)
    inverse_depth[own & usable] = 1 / view.depth[own & usable]
    return _lifted(colour, inverse_depth, region, intrinsics, camera_to_world)


def _colours(
    view: View, hole: Bool, inverse_depth: Float32, nothing_seen: Float32, alive: Callable[[], None]
) -> tuple[Float32, Bool]:
    """Colours [H, W, 3] of what fills a view's hole, and where they are the view's own, [H, W] bool.

    They come from what is behind the hole's outline: what stands in front of the surface that fills the hole gives
    nothing and lets nothing through, and a fringe belongs to neither.
    """
    inverse = np.where(view.covered, 1 / view.depth, 0).astype(np.float32)
    own = view.covered & ~view.fringe & (inverse < IN_FRONT * inverse_depth)
    filled = within(hole, UNDER) & ~own
    if not own.any():
        own = view.covered
    if not own.any():
        return np.broadcast_to(nothing_seen, view.colour.shape).astype(np.float32), own

    def joined(one: tuple[slice, ...], other: tuple[slice, ...]) -> Bool:
        return np.asarray(np.abs(inverse[one] - inverse[other]) < ONE_SURFACE * inverse[one], dtype=np.bool_)

    conducts = conductance(view.colour, own, joined)
    return diffused(view.colour, own, filled, conducts, alive), own


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


@dataclass(frozen=True, eq=False)
class _Rays:
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


def _step_back(inverse_depth: Float32, donors: _Donors, invented: Bool, rays: _Rays) -> None:
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
    allowed = donors.inverse_depth[given] <= limit[nearest(limit > 0, given)] * (1 + PATCH_EDGE / 2)
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


def _lifted(
    colour: Float32, inverse_depth: Float32, region: Bool, intrinsics: Float64, camera_to_world: Float64
) -> Surface:
    """The region's pixels as a mesh in the world, with the painting as its texture.

    Args:
        colour: [H, W, 3] the painting.
        inverse_depth: [H, W] 1 / metres.
        region: [H, W] which pixels become the surface.
        intrinsics: [3, 3] of the painting camera.
        camera_to_world: [4, 4] of the painting camera.
    """
    height, width = region.shape
    rows, columns = (np.unique(np.append(np.arange(0, n, STRIDE), n - 1)) for n in (height, width))
    depth = 1 / inverse_depth[np.ix_(rows, columns)]
    grid_x, grid_y = np.meshgrid(columns + 0.5, rows + 0.5)
    pixels = np.stack([grid_x, grid_y], axis=-1).reshape(-1, 2)
    points = unproject_pixels(pixels, depth.reshape(-1), intrinsics)
    vertices = points @ camera_to_world[:3, :3].T + camera_to_world[:3, 3]
    chosen = region[np.ix_(rows, columns)]
    corners = (np.s_[:-1, :-1], np.s_[1:, :-1], np.s_[1:, 1:], np.s_[:-1, 1:])
    cells = np.logical_or.reduce([chosen[c] for c in corners])
    cells &= same_surface(np.stack([depth[c] for c in corners]), PATCH_EDGE)
    top_left = (np.arange(len(rows))[:, None] * len(columns) + np.arange(len(columns)))[:-1, :-1][cells]
    corner = [top_left, top_left + len(columns), top_left + len(columns) + 1, top_left + 1]
    triangles = np.concatenate([np.stack([corner[a], corner[b], corner[c]], 1) for a, b, c in ((0, 1, 2), (0, 2, 3))])
    uv = pixels / (width, height)
    return Surface(
        vertices.astype(np.float32),
        triangles.astype(np.int32),
        uv.astype(np.float32),
        np.zeros(len(vertices), np.float32),
        np.zeros(len(vertices), np.float32),
        np.full((len(vertices), 3), np.nan, np.float32),
        Texture.of(colour),
        float(intrinsics[0, 0]),
    )
