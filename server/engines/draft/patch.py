"""Turn the hole of one camera's view into a surface of the world: its depth is continued, its colours are painted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blender_addon.core.arrays import Bool, Float32, Float64
from blender_addon.core.camera.projection import unproject_pixels
from blender_addon.core.depth.depth_mesh import same_surface
from server.engines.draft.continuation import Rays, continued_inverse_depth
from server.engines.draft.painting import Painting
from server.engines.draft.surfaces import Surface, View
from server.geometry.distance import within
from server.geometry.texture import Texture

OVERLAP = 6
"""Pixels that a patch reaches under what surrounds its hole, so that no gap opens when the camera moves on."""
VERTICES_ACROSS = 320
"""Vertices along a patch's longer side, about: its depth is smooth, its colour is a texture of every pixel."""
PATCH_EDGE = 0.2
"""Relative depth jump between a patch's vertices where it is cut instead of stretched."""


def patch_of(
    view: View,
    hole: Bool,
    rays: Rays,
    nothing_seen: tuple[Float32, float],
    paint: Callable[[View, Bool, Float32], Painting],
) -> Surface:
    """A surface for a hole in a view, which does not hide what the photo shows.

    Args:
        view: what the painting camera sees so far.
        hole: [H, W] pixels to fill, none of which it covers.
        rays: of that camera.
        nothing_seen: colour [3] and depth, metres, of the patch when the view has nothing that could be continued.
        paint: makes the colours, of the view, the hole and the inverse depth [H, W] of the surface that fills it.
    """
    region = within(hole, OVERLAP)
    inverse_depth = continued_inverse_depth(view, hole, region, rays)
    if inverse_depth is None:
        inverse_depth = np.full(hole.shape, 1 / nothing_seen[1], np.float32)
    if view.covered.any():
        painting = paint(view, hole, inverse_depth)
        kept = painting.own & ~view.barred
        inverse_depth[kept] = 1 / view.depth[kept]
        colour = painting.colour
    else:
        colour = np.broadcast_to(nothing_seen[0], view.colour.shape).astype(np.float32)
    return _lifted(colour, inverse_depth, region, rays.intrinsics, rays.camera_to_world)


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
    stride = max(2, round(max(height, width) / VERTICES_ACROSS))
    rows, columns = (np.unique(np.append(np.arange(0, n, stride), n - 1)) for n in (height, width))
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
