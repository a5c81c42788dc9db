"""The photo as textured surfaces in the world, with its depth completed and its foreground edges marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32, Float64, Int32
from blender_addon.core.depth.depth_mesh import DepthGrid, cut_faces, face_triangles, lift, thin_depth
from blender_addon.core.depth.rasterize import Fragments, rasterize
from blender_addon.core.payloads.background import BackgroundLayer
from blender_addon.core.payloads.shot import Shot
from server.engines.draft.completion import completed
from server.engines.draft.cut_objects import cut_objects
from server.engines.draft.edges import find_edges, fringe
from server.geometry.texture import Texture

RING = 6
"""Pixels of a frame around a hole that are continued into it."""
LONGEST_REACH = 48
"""Depth pixels inwards from an edge that are marked as its near side, at most."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A textured, static mesh in the world.

    Attributes:
        vertices: [N, 3] float32 metres.
        triangles: [T, 3] int32.
        uv: [N, 2] float32 in the texture, 0..1.
        barred: [N] float32, 1 where the surface must not be continued beyond itself: on the near side of a depth edge,
            just behind one, and where the photo's border cuts an object.
        fringe: [N] float32, 1 where its colour is mixed with a foreground's.
        behind: [N, 3] float32 metres, on the near side of an edge: where the surface it hides probably continues; NaN
            elsewhere.
        texture: its colours.
        focal: of the camera that took the texture, in texels.
    """

    vertices: Float32
    triangles: Int32
    uv: Float32
    barred: Float32
    fringe: Float32
    behind: Float32
    texture: Texture
    focal: float

    def colour(self, uv: Float32, intrinsics: Float64) -> Float32:
        """Colours as a camera resolves them.

        Args:
            uv: [n, 2] in the texture.
            intrinsics: [3, 3] of the camera, pixels; its focal length selects the texture's level of detail.

        Returns:
            [n, 3] float32.
        """
        return self.texture.sample(uv, self.texture.level_for(self.focal / intrinsics[0, 0]))

    def layer(self, name: str) -> BackgroundLayer:
        """The surface on its own: the vertices it uses, and the part of its texture that they show."""
        used, triangles = np.unique(self.triangles, return_inverse=True)
        picture = self.texture.levels[0]
        size = np.array(picture.shape[1::-1])
        uv = self.uv[used] * size
        first = np.clip(np.floor(uv.min(axis=0)).astype(int) - 1, 0, size - 1)
        last = np.clip(np.ceil(uv.max(axis=0)).astype(int) + 1, first + 1, size)
        cut = picture[first[1] : last[1], first[0] : last[0]]
        return BackgroundLayer(
            name,
            self.vertices[used],
            triangles.reshape(-1, 3).astype(np.int32),
            ((uv - first) / (last - first)).astype(np.float32),
            np.clip(np.round(cut), 0, 255).astype(np.uint8),
        )


@dataclass(frozen=True, eq=False)
class View:
    """A camera's view of some surfaces.

    Attributes:
        colour: [H, W, 3] float32.
        depth: [H, W] float32 metres along z, infinite where nothing is seen.
        barred: [H, W] bool, where a surface must not be continued.
        fringe: [H, W] bool, where the colour is mixed with a foreground's.
        behind_depth: [H, W] float32 metres along z of what a foreground's edge hides, NaN where unknown.
    """

    colour: Float32
    depth: Float32
    barred: Bool
    fringe: Bool
    behind_depth: Float32

    @property
    def covered(self) -> Bool:
        """[H, W] bool, where a surface is seen."""
        return np.isfinite(self.depth)


def photo_surfaces(shot: Shot, alive: Callable[[], None] = lambda: None) -> tuple[Surface, Surface]:
    """The photo as surfaces.

    Args:
        shot: whose photo.
        alive: called now and then; what it raises ends the work.

    Returns:
        The whole photo, with unknown depth completed, and the part of it that the preview's mesh lacks.
    """
    grid = thin_depth(shot.depth)
    uv = np.stack(np.meshgrid(grid.u, grid.v), axis=-1)
    texture = Texture.of(shot.photo)
    level = texture.level_for(shot.photo_size[0] / grid.depth.shape[1])
    colour = texture.sample(uv.reshape(-1, 2).astype(np.float32), level).reshape(*grid.depth.shape, 3)
    depth = completed(grid.depth, colour, alive)
    reach = _reach(shot, grid)
    edges = find_edges(depth, shot.depth_edge, reach)
    barred = edges.near | edges.mixed | cut_objects(1 / depth, 2 * reach)
    behind_depth = np.full_like(depth, np.nan)
    behind_depth[edges.has_background] = depth[edges.background]
    uv = uv.reshape(-1, 2)
    whole = Surface(
        lift(uv, depth.ravel(), shot.photo_intrinsics, shot.photo_size).astype(np.float32),
        face_triangles(*cut_faces(depth, shot.depth_edge)),
        uv.astype(np.float32),
        barred.astype(np.float32).ravel(),
        fringe(edges, colour).astype(np.float32).ravel(),
        lift(uv, behind_depth.ravel(), shot.photo_intrinsics, shot.photo_size).astype(np.float32),
        texture,
        float(shot.photo_intrinsics[0, 0]),
    )
    guessed = ~np.isfinite(grid.depth).ravel()
    return whole, _part(whole, guessed[whole.triangles].any(axis=1))


def _reach(shot: Shot, grid: DepthGrid) -> int:
    """Depth pixels that cover RING pixels of a frame, and half as many again for surfaces that the camera nears."""
    grid_focal = shot.photo_intrinsics[0, 0] / shot.photo_size[0] * grid.depth.shape[1]
    frame_focal = shot.trajectory.intrinsics[:, 0, 0].min()
    return int(np.clip(np.ceil(1.5 * RING * grid_focal / frame_focal), RING, LONGEST_REACH))


def _part(surface: Surface, faces: Bool) -> Surface:
    """The surface with some of its faces only, and the vertices that they use.

    Args:
        surface: all of it.
        faces: [T] which faces to keep.
    """
    used, triangles = np.unique(surface.triangles[faces], return_inverse=True)
    return Surface(
        surface.vertices[used],
        triangles.reshape(-1, 3).astype(np.int32),
        surface.uv[used],
        surface.barred[used],
        surface.fringe[used],
        surface.behind[used],
        surface.texture,
        surface.focal,
    )


def look_at(
    surfaces: list[Surface],
    intrinsics: Float64,
    camera_to_world: Float64,
    size: tuple[int, int],
    alive: Callable[[], None] = lambda: None,
) -> View:
    """Render surfaces from a camera, the nearest in front.

    Args:
        surfaces: in the world.
        intrinsics: [3, 3] in pixels of `size`.
        camera_to_world: [4, 4].
        size: (width, height) pixels.
        alive: called for each surface; what it raises ends the work.
    """
    width, height = size
    view = View(
        np.zeros((height, width, 3), np.float32),
        np.full((height, width), np.inf, np.float32),
        np.zeros((height, width), np.bool_),
        np.zeros((height, width), np.bool_),
        np.full((height, width), np.nan, np.float32),
    )
    axis, origin = camera_to_world[:3, 2].astype(np.float32), camera_to_world[:3, 3].astype(np.float32)
    for surface in surfaces:
        alive()
        seen = rasterize(surface.vertices, surface.triangles, intrinsics, camera_to_world, size)
        nearer = seen.covered & (seen.depth < view.depth)
        view.depth[nearer] = seen.depth[nearer]
        view.colour[nearer] = surface.colour(_at(surface.uv, surface, seen, nearer), intrinsics)
        marks = _at(np.stack([surface.barred, surface.fringe], axis=1), surface, seen, nearer) > (0.01, 0.5)
        view.barred[nearer], view.fringe[nearer] = marks.T
        view.behind_depth[nearer] = (_at(surface.behind, surface, seen, nearer) - origin) @ axis
    return view


def colour_at(surface: Surface, fragments: Fragments, where: Bool, intrinsics: Float64) -> Float32:
    """Colours of rasterised fragments.

    Args:
        surface: that was rasterised.
        fragments: of all pixels [H, W].
        where: [H, W] the n pixels that are wanted; each must be covered.
        intrinsics: [3, 3] of the camera.

    Returns:
        [n, 3] float32.
    """
    return surface.colour(_at(surface.uv, surface, fragments, where), intrinsics)


def _at(values: Float32, surface: Surface, fragments: Fragments, where: Bool) -> Float32:
    """Vertex values [N, K] interpolated at the pixels `where` [H, W]: [n, K]."""
    corners = values[surface.triangles[fragments.triangle[where]]]
    return np.asarray((corners * fragments.weights[where][..., None]).sum(axis=1), dtype=np.float32)
