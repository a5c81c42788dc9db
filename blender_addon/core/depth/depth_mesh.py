"""Depth map to mesh: one vertex a depth pixel, and the one rule for where a surface ends.

The mesh is in the reference camera's frame (OpenCV axes, metres). The add-on shows it, the preview is rendered from
it, and the draft engine fills what it leaves open, so all of them must cut it at the same places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import Bool, Float32, Float64, Floats, Int32
from ..camera.projection import unproject_pixels
from ..errors import PhotoError

T = TypeVar("T", bound=np.generic)

MAX_VERTICES = 500_000
"""Vertices at most, unless told otherwise."""
DEPTH_EDGE = 0.05
"""Relative jump of depth above which neighbours are different surfaces, unless told otherwise."""

_FIRST_DIAGONAL = ([0, 1, 2], [0, 2, 3])
_SECOND_DIAGONAL = ([0, 1, 3], [1, 2, 3])


@dataclass(frozen=True, eq=False)
class DepthGrid:
    """A depth map thinned to the vertices of its mesh.

    Attributes:
        depth: [R, C] float32 metres along z, NaN where unknown.
        u: [C] float64, position of each column in the picture: 0 is its left edge, 1 its right edge.
        v: [R] float64, position of each row: 0 is the top edge, 1 the bottom edge. The outermost columns and rows are
            on the picture's edge itself, so that the mesh covers the border's half pixel.
        stride: every stride-th pixel of the depth map became a vertex.
    """

    depth: Float32
    u: Float64
    v: Float64
    stride: int


@dataclass(frozen=True, eq=False)
class DepthMesh:
    """The mesh of a depth map, cut at depth edges.

    Attributes:
        vertices: [N, 3] float32 metres, the known depths in row-major order; they do not depend on the depth edge.
        uv: [N, 2] float32 in the picture, (0, 0) its top-left corner, (1, 1) its bottom-right one.
        quads: [Q, 4] int32 vertex indices, counter-clockwise seen from the reference camera.
        triangles: [T, 3] int32, likewise.
        grid: the depths it was made from, so that it can be cut again with another depth edge.
    """

    vertices: Float32
    uv: Float32
    quads: Int32
    triangles: Int32
    grid: DepthGrid

    def all_triangles(self) -> Int32:
        """[2Q + T, 3] int32, every face as triangles."""
        return face_triangles(self.quads, self.triangles)


def face_triangles(quads: Int32, triangles: Int32) -> Int32:
    """[2Q + T, 3] int32, quads [Q, 4] as two triangles each, then triangles [T, 3]."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]], triangles])


def depth_mesh(
    depth: Floats,
    intrinsics: Float64,
    photo_size: tuple[int, int],
    depth_edge: float = DEPTH_EDGE,
    max_vertices: int = MAX_VERTICES,
) -> DepthMesh:
    """The mesh of a depth map.

    Args:
        depth: [h, w] metres along z; NaN, infinite or not positive values are unknown and become holes.
        intrinsics: [3, 3] in pixels of photo_size.
        photo_size: (width, height) pixels. The depth map covers the same view at any resolution.
        depth_edge: relative jump of depth above which neighbours are different surfaces.
        max_vertices: the depth map is thinned to at most so many.

    Raises:
        PhotoError: no depth is known, or the map is smaller than 2 x 2 pixels.
    """
    grid = thin_depth(depth, max_vertices)
    known = np.isfinite(grid.depth)
    if not known.any():
        raise PhotoError("The depth map is empty", f"none of its {depth.size} pixels holds a positive number")
    rows, columns = np.nonzero(known)
    uv = np.stack([grid.u[columns], grid.v[rows]], axis=1)
    quads, triangles = cut_faces(grid.depth, depth_edge)
    vertices = lift(uv, grid.depth[known], intrinsics, photo_size)
    return DepthMesh(vertices.astype(np.float32), uv.astype(np.float32), quads, triangles, grid)


def known_depth(depth: Floats) -> Float32:
    """The depths as float32, with NaN wherever a value is NaN, infinite, zero or negative."""
    with np.errstate(invalid="ignore", over="ignore"):
        result = np.asarray(depth).astype(np.float32)
        return np.where(np.isfinite(result) & (result > 0), result, np.float32(np.nan))


def thin_depth(depth: Floats, max_vertices: int = MAX_VERTICES) -> DepthGrid:
    """Every n-th pixel of a depth map, with the smallest n that gives at most max_vertices.

    Args:
        depth: [h, w] metres along z; NaN, infinite or not positive: unknown.
        max_vertices: upper limit of R * C, kept as long as both sides keep two pixels.

    Raises:
        PhotoError: the map is smaller than 2 x 2 pixels.
    """
    height, width = depth.shape
    if height < 2 or width < 2:
        raise PhotoError("The depth map is too small for a mesh", f"{width} x {height} pixels", "It needs 2 x 2.")
    stride = mesh_stride(width, height, max_vertices)
    rows, columns = (np.arange(stride // 2, size, stride) for size in depth.shape)
    u, v = (columns + 0.5) / width, (rows + 0.5) / height
    u[[0, -1]] = v[[0, -1]] = 0.0, 1.0
    return DepthGrid(known_depth(thinned(depth, stride)), u, v, stride)


def thinned(grid: NDArray[T], stride: int) -> NDArray[T]:
    """The values of a map [h, w] at the vertices of a mesh with this stride, [R, C]."""
    return grid[stride // 2 :: stride, stride // 2 :: stride]


def mesh_stride(width: int, height: int, max_vertices: int = MAX_VERTICES) -> int:
    """The smallest n for which every n-th pixel each way makes at most max_vertices, but never fewer than 2 x 2."""
    stride = 1
    while _count(width, stride) * _count(height, stride) > max_vertices:
        if min(_count(width, stride + 1), _count(height, stride + 1)) < 2:
            break
        stride += 1
    return stride


def _count(pixels: int, stride: int) -> int:
    return len(range(stride // 2, pixels, stride))


def lift(uv: Float64, depth: Floats, intrinsics: Float64, photo_size: tuple[int, int]) -> NDArray[np.float64]:
    """The points of the reference camera's frame that the picture shows at given places.

    Args:
        uv: [N, 2] in 0..1 across the picture.
        depth: [N] along z, metres.
        intrinsics: [3, 3] in pixels of photo_size.
        photo_size: (width, height) pixels.

    Returns:
        [N, 3] float64 metres; NaN where the depth is.
    """
    return unproject_pixels(uv * np.asarray(photo_size, dtype=np.float64), depth, intrinsics)


def same_surface(depths: Floats, depth_edge: float) -> Bool:
    """Whether neighbouring depths belong to one surface: the rule that cuts meshes.

    Args:
        depths: [K, ...] of K neighbours, metres, NaN where unknown.
        depth_edge: largest relative jump within a surface.

    Returns:
        [...] True where all are known and the farthest exceeds the nearest by at most the fraction depth_edge.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(depths.max(axis=0) <= depths.min(axis=0) * np.float32(1 + depth_edge))


def cut_faces(depth: Float32, depth_edge: float) -> tuple[Int32, Int32]:
    """The faces of a depth grid.

    Args:
        depth: [R, C] metres, NaN where unknown.
        depth_edge: see same_surface.

    Returns:
        Quads [Q, 4] int32 where the four corners are one surface, and triangles [T, 3] int32 where only three of them
        are. Indices count the known depths in row-major order; faces are counter-clockwise seen from the camera.
    """
    index = np.cumsum(np.isfinite(depth), dtype=np.int32).reshape(depth.shape) - np.int32(1)
    # Top left, bottom left, bottom right, top right: counter-clockwise for a viewer at the origin looking along z.
    corners = (np.s_[:-1, :-1], np.s_[1:, :-1], np.s_[1:, 1:], np.s_[:-1, 1:])
    depths = np.stack([depth[c] for c in corners])
    indices = np.stack([index[c] for c in corners])
    whole = same_surface(depths, depth_edge)
    quads = indices[:, whole].T
    depths, indices = depths[:, ~whole], indices[:, ~whole]
    first = [same_surface(depths[half], depth_edge) for half in _FIRST_DIAGONAL]
    # Halves of different diagonals overlap: the second diagonal serves only cells the first gave nothing.
    free = ~(first[0] | first[1])
    second = [same_surface(depths[half], depth_edge) & free for half in _SECOND_DIAGONAL]
    halves = zip((*_FIRST_DIAGONAL, *_SECOND_DIAGONAL), (*first, *second), strict=True)
    triangles = np.concatenate([indices[half][:, kept].T for half, kept in halves])
    return np.ascontiguousarray(quads), np.ascontiguousarray(triangles)
