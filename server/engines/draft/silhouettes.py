"""Redraw the outlines of foregrounds in a finished frame, where the photo's mesh ends in the steps of its grid.

The foreground beside a depth edge, with a soft opacity found in the photo's own view (outlines.py), is a ribbon of
the world a few depth pixels wide. In a frame it is laid over what is seen beside the outline. Where a camera sees both
sides as the photo does, less than a pixel apart, the frame stays as it is; so do all pixels outside the ribbon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float32, Float64, Int32, Int64
from blender_addon.core.camera.rotation import inverse
from blender_addon.core.depth.depth_mesh import DepthGrid, cut_faces, face_triangles, lift, thin_depth, thinned
from blender_addon.core.depth.rasterize import rasterize
from blender_addon.core.payloads.shot import Shot
from server.engines.draft.outlines import Outlines
from server.engines.draft.surfaces import Surface
from server.geometry.distance import nearest
from server.geometry.texture import Texture

COARSE = 5
"""Every so many depth pixels make the mesh that hides ribbons."""
IN_FRONT = 0.04
"""Relative depth by which a surface must be nearer than a ribbon to hide it."""
APART = (0.5, 1.5)
"""Pixels of a frame between both sides that the photo shows at one place, up to which the frame stays as it is, and
from which the outline is redrawn."""
WHOLE = 0.995
"""Opacity from which a foreground's pixel is left as the preview shows it."""
BEYOND = -0.5
"""Depth pixels inwards from an outline up to which the preview shows what is beyond it."""


@dataclass(frozen=True, eq=False)
class _Band:
    """The n pixels of a frame in which foregrounds' outlines are seen.

    Attributes:
        pixels: [n] flat indices.
        opacity: [n] of the foreground, 0..1.
        colour: [n, 3] of the foreground.
        outside: [n] whether it is the foreground's continuation beyond its outline.
        redrawn: [n] 0 where the frame shows both sides as the photo does, to 1.
    """

    pixels: Int64
    opacity: Float32
    colour: Float32
    outside: Bool
    redrawn: Float32


@dataclass(frozen=True, eq=False)
class Silhouettes:
    """The outlines of a photo's foregrounds in the world.

    Attributes:
        values: [N, 7] float32 at each vertex: its place in the photo, 0..1; its point in metres; the depth of the
            background on the same ray of the photo, as a factor of its own; depth pixels inwards from the outline.
        triangles: [T, 3] int32.
        layers: opacity and colour of the foreground, and the photo.
        hiding: vertices [M, 3] and triangles [K, 3] of what may hide them.
    """

    values: Float32
    triangles: Int32
    layers: Texture
    hiding: tuple[Float32, Int32]

    @staticmethod
    def of(shot: Shot, photo: Surface) -> Silhouettes | None:
        """The outlines of a shot's photo; None where it has none.

        Args:
            shot: whose photo.
            photo: the whole photo as a surface, with a vertex for each depth pixel of its mesh.
        """
        grid = thin_depth(shot.depth)
        depth = photo.vertices[:, 2].reshape(grid.depth.shape)
        outlines = Outlines.of(depth, shot.depth_edge)
        if outlines is None:
            return None
        level = photo.texture.level_for(shot.photo_intrinsics[0, 0] / shot.trajectory.intrinsics[:, 0, 0].max())
        picture = photo.texture.levels[level]
        opacity, colour = outlines.soft(picture)
        layers = Texture((np.concatenate([opacity[..., None], colour, picture], axis=-1),))
        values, triangles = _ribbon(outlines, shot, grid)
        return Silhouettes(values, triangles, layers, _coarse(photo, depth, shot.depth_edge))

    def redraw(
        self, frame: Float32, fill: Float32, opaque: Bool, intrinsics: Float64, camera_to_world: Float64
    ) -> Float32:
        """The frame [H, W, 3] with its outlines redrawn.

        Args:
            frame: [H, W, 3].
            fill: [H, W, 3] the frame without the preview's own outlines laid over its holes.
            opaque: [H, W] where the frame is the preview.
            intrinsics: [3, 3] of its camera, pixels.
            camera_to_world: [4, 4] of its camera.
        """
        band = self._band(intrinsics, camera_to_world, opaque.shape)
        if band is None:
            return frame
        result = frame.reshape(-1, 3).copy()
        preview = opaque.ravel()[band.pixels]
        share = band.opacity[:, None]
        behind = _behind(fill.reshape(-1, 3), ~preview | band.outside, band, opaque.shape)
        composed = share * band.colour + (1 - share) * behind
        before = result[band.pixels]
        redrawn = np.where(preview & (band.opacity > WHOLE), 0, band.redrawn)
        result[band.pixels] = before + redrawn[:, None] * (composed - before)
        return np.clip(result, 0, 255).reshape(frame.shape)

    def _band(self, intrinsics: Float64, camera_to_world: Float64, shape: tuple[int, ...]) -> _Band | None:
        """Where the outlines are seen in a frame of this shape; None where they are not."""
        size = (shape[1], shape[0])
        points = np.ascontiguousarray(self.values[:, 2:5])
        ribbon = rasterize(points, self.triangles, intrinsics, camera_to_world, size)
        # Half as many pixels each way tell what hides a ribbon well enough.
        halved, half = np.diag([0.5, 0.5, 1.0]) @ intrinsics, ((size[0] + 1) // 2, (size[1] + 1) // 2)
        hiding = rasterize(*self.hiding, halved, camera_to_world, half).depth.repeat(2, axis=0).repeat(2, axis=1)
        visible = ribbon.covered & (ribbon.depth < hiding[: shape[0], : shape[1]] * np.float32(1 + IN_FRONT))
        if not visible.any():
            return None
        corners = self.values[self.triangles[ribbon.triangle[visible]]]
        values = np.einsum("nck,nc->nk", corners, ribbon.weights[visible])
        layers = self.layers.sample(values[:, :2])
        point = values[:, 2:5]
        here, there = (_seen_at(p, intrinsics, camera_to_world) for p in (point, point * values[:, 5:6]))
        apart = np.linalg.norm(here - there, axis=1)
        redrawn = np.clip((apart - APART[0]) / (APART[1] - APART[0]), 0, 1).astype(np.float32)
        return _Band(np.flatnonzero(visible), layers[:, 0], layers[:, 1:4], values[:, 6] < BEYOND, redrawn)


def _behind(fill: Float32, known: Bool, band: _Band, shape: tuple[int, ...]) -> Float32:
    """Colours [n, 3] behind the foreground: where the frame shows the foreground itself, the nearest beside it.

    Args:
        fill: [H * W, 3].
        known: [n] whether it is what is behind the foreground.
        band: the n pixels.
        shape: (H, W).
    """
    behind = fill[band.pixels]
    wanted = ~known & (band.opacity < WHOLE)
    shown, asked = np.ones(len(fill), np.bool_), np.zeros(len(fill), np.bool_)
    shown[band.pixels] = known
    asked[band.pixels] = wanted
    if wanted.any() and shown.any():
        rows, columns = nearest(shown.reshape(shape), asked.reshape(shape))
        behind[wanted] = fill[rows * shape[1] + columns]
    return behind


def _seen_at(points: Float32, intrinsics: Float64, camera_to_world: Float64) -> Float64:
    """Pixels [n, 2] at which points [n, 3] of the world are seen."""
    matrix = intrinsics @ inverse(camera_to_world)[:3]
    homogeneous = points @ matrix[:, :3].T + matrix[:, 3]
    return np.asarray(homogeneous[:, :2] / np.maximum(homogeneous[:, 2:], 1e-6), dtype=np.float64)


def _ribbon(outlines: Outlines, shot: Shot, grid: DepthGrid) -> tuple[Float32, Int32]:
    """Values [N, 7] and triangles [T, 3] of the foregrounds beside their outlines, see Silhouettes."""
    known = np.isfinite(outlines.near)
    rows, columns = np.nonzero(known)
    depth = outlines.near[known]
    uv = np.stack([grid.u[columns], grid.v[rows]], axis=1)
    points = lift(uv, depth, shot.photo_intrinsics, shot.photo_size)
    beside = [uv, points, (outlines.far[known] / depth)[:, None], outlines.inward[known][:, None]]
    return np.concatenate(beside, axis=1).astype(np.float32), face_triangles(*cut_faces(outlines.near, shot.depth_edge))


def _coarse(photo: Surface, depth: Float32, depth_edge: float) -> tuple[Float32, Int32]:
    """Vertices [M, 3] and triangles [K, 3] of the photo with fewer of them."""
    stride = COARSE if min(depth.shape) >= 8 * COARSE else 1
    vertices = thinned(photo.vertices.reshape(*depth.shape, 3), stride).reshape(-1, 3)
    return np.ascontiguousarray(vertices), face_triangles(*cut_faces(thinned(depth, stride), depth_edge))
