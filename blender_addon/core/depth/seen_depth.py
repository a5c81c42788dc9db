"""The depth that any triangles have, seen by the photo's camera at the places of a depth grid.

A rasteriser says which triangle each place shows; the depth is where the place's ray meets that triangle's plane, in
float64. Triangles of any size will do: what reaches behind the camera or far out of the picture is clipped first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Float32, Float64, Int32
from .rasterize import NEAR, rasterize

CLIPPED_AT = 2 * NEAR
"""Metres in front of the camera at which triangles are clipped: safely in front of what the rasteriser drops."""
GUARD = 1.0
"""Triangles are clipped this many pictures beside the picture on each side, so that pixels stay exact in float32."""


@dataclass(frozen=True, eq=False)
class GridRays:
    """The rays of a depth grid's places.

    Attributes:
        u: [C] float64, each column's place in the photo, 0 its left edge, 1 its right one.
        v: [R] float64, each row's, 0 its top edge.
        intrinsics: [3, 3] float64 in pixels of photo_size.
        photo_size: (width, height) pixels.
    """

    u: Float64
    v: Float64
    intrinsics: Float64
    photo_size: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """(columns, rows)."""
        return len(self.u), len(self.v)

    def directions(self) -> Float64:
        """[R, C, 3] float64 direction of each place's ray in the camera's frame, its z 1."""
        width, height = self.photo_size
        x, y = np.meshgrid(self.u * width, self.v * height)
        return np.asarray(np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(self.intrinsics).T, np.float64)

    def grid_intrinsics(self) -> Float64:
        """[3, 3] float64: the intrinsics in pixels of a picture of C x R whose pixels' centres are the places.

        Exact for evenly spaced places. The outermost stand on the photo's edge (DepthGrid) and so up to half a pixel
        beside their centres.
        """
        (scale_x, offset_x), (scale_y, offset_y) = (
            _pixels_of(places, length) for places, length in zip((self.u, self.v), self.photo_size, strict=True)
        )
        to_grid = np.array([[scale_x, 0.0, offset_x], [0.0, scale_y, offset_y], [0.0, 0.0, 1.0]])
        return np.asarray(to_grid @ self.intrinsics, dtype=np.float64)


def _pixels_of(places: Float64, length: int) -> tuple[float, float]:
    """(a, b) for which a * x + b is the grid's pixel of a photo's pixel x.

    Args:
        places: [n] in 0..1, the inner ones evenly spaced.
        length: pixels of the photo along them.
    """
    count = len(places)
    if count < 4:
        return count / length, 0.0
    spacing = (places[-2] - places[1]) / (count - 3)
    return float(1 / (spacing * length)), float(1.5 - places[1] / spacing)


def seen_depth(vertices: Float64, triangles: Int32, rays: GridRays) -> Float32:
    """The depth of the nearest triangle at each place of a grid. Both sides of a triangle are seen.

    Args:
        vertices: [N, 3] float64 metres in the camera's frame, OpenCV axes.
        triangles: [T, 3] int32 indices into the vertices; one with a corner that is no number is not seen.
        rays: of the grid.

    Returns:
        [R, C] float32 metres along z, NaN where no triangle is seen.
    """
    finite = np.isfinite(vertices).all(axis=1)
    if not finite.all():
        vertices, triangles = np.where(finite[:, None], vertices, 0.0), triangles[finite[triangles].all(axis=1)]
    columns, rows = rays.size
    depth = np.full(rows * columns, np.nan, dtype=np.float32)
    corners, faces, source = _in_picture(vertices, triangles, rays)
    if not len(source):
        return depth.reshape(rows, columns)
    shown = rasterize(corners, faces, rays.grid_intrinsics(), np.eye(4), rays.size).triangle.ravel()
    seen = np.flatnonzero(shown >= 0)
    depth[seen] = _on_planes(vertices, triangles[source[shown[seen]]], rays.directions().reshape(-1, 3)[seen])
    return depth.reshape(rows, columns)


def _on_planes(vertices: Float64, triangles: Int32, directions: Float64) -> Float64:
    """[n] depth at which rays [n, 3] meet the planes of their triangles [n, 3], within the triangles' own depths."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (normal * a).sum(axis=1) / (normal * directions).sum(axis=1)
    z = np.stack([a[:, 2], b[:, 2], c[:, 2]])
    nearest, farthest = np.maximum(z.min(axis=0), CLIPPED_AT), z.max(axis=0)
    # A plane seen edge-on has no certain depth within a pixel: its triangle's own bound it.
    return np.clip(np.where(np.isfinite(depth), depth, nearest), nearest, farthest)


def _in_picture(vertices: Float64, triangles: Int32, rays: GridRays) -> tuple[Float32, Int32, Int32]:
    """The triangles that can be seen, clipped where they reach out of what the rasteriser draws exactly.

    Returns:
        [M, 3] float32 corners, [S, 3] int32 indices of them, and [S] int32, which triangle each is, or is a part of.
    """
    planes = _planes(rays)
    # A bit for each plane: numpy looks three of them up much faster than three rows of booleans.
    outside = np.zeros(len(vertices), dtype=np.uint8)
    for bit, plane in enumerate(planes):
        outside |= (vertices @ plane[:3] < plane[3]).astype(np.uint8) << np.uint8(bit)
    a, b, c = (outside[triangles[:, k]] for k in range(3))
    whole = np.flatnonzero((a | b | c) == 0).astype(np.int32)
    crossing = np.flatnonzero(((a | b | c) != 0) & ((a & b & c) == 0)).astype(np.int32)
    clipped, of = _clipped(vertices[triangles[crossing]], crossing, planes)
    own = np.arange(len(vertices), len(vertices) + 3 * len(clipped), dtype=np.int32).reshape(-1, 3)
    corners = np.concatenate([vertices, clipped.reshape(-1, 3)]).astype(np.float32)
    return corners, np.concatenate([triangles[whole], own]), np.concatenate([whole, of])


def _planes(rays: GridRays) -> Float64:
    """[5, 4] planes (n, d); a point p of the camera's frame is inside where n p >= d."""
    matrix = rays.grid_intrinsics()
    across, down, forward = matrix
    columns, rows = rays.size
    normals = [
        across + GUARD * columns * forward,
        (1 + GUARD) * columns * forward - across,
        down + GUARD * rows * forward,
        (1 + GUARD) * rows * forward - down,
    ]
    return np.array([[0.0, 0.0, 1.0, CLIPPED_AT], *([*normal, 0.0] for normal in normals)])


def _clipped(corners: Float64, source: Int32, planes: Float64) -> tuple[Float64, Int32]:
    """Triangles [n, 3, 3] cut by planes: what is inside all of them, as triangles, and the source of each."""
    for plane in planes:
        distance = corners @ plane[:3] - plane[3]
        inside = (distance >= 0).sum(axis=1)
        (tip, _, _), ends = _crossings(corners[inside == 1], distance[inside == 1], lone_inside=True)
        (_, left, right), cuts = _crossings(corners[inside == 2], distance[inside == 2], lone_inside=False)
        corners = np.concatenate(
            [
                corners[inside == 3],
                np.stack([tip, *ends], axis=1),
                np.stack([cuts[0], left, right], axis=1),
                np.stack([cuts[0], right, cuts[1]], axis=1),
            ]
        )
        source = np.concatenate([source[inside == 3], source[inside == 1], *[source[inside == 2]] * 2])
    return corners, source


def _crossings(corners: Float64, distance: Float64, *, lone_inside: bool) -> tuple[Float64, tuple[Float64, Float64]]:
    """Where a plane cuts the two sides of triangles that meet in the corner which is alone on its side.

    Args:
        corners: [n, 3, 3] metres.
        distance: [n, 3] signed distance of each corner, not negative inside.
        lone_inside: Whether the lone corner is the one inside, or the one outside.

    Returns:
        [3, n, 3] the corners with the lone one first, in their order around the triangle; and the points [n, 3] on
        its sides to the second and to the third.
    """
    lone = np.argmax((distance >= 0) == lone_inside, axis=1)
    order = (lone[:, None] + np.arange(3)) % 3
    turned = np.moveaxis(np.take_along_axis(corners, order[:, :, None], axis=1), 1, 0)
    a, b, c = np.take_along_axis(distance, order, axis=1).T
    to_second = turned[0] + (a / (a - b))[:, None] * (turned[1] - turned[0])
    to_third = turned[0] + (a / (a - c))[:, None] * (turned[2] - turned[0])
    return turned, (to_second, to_third)
