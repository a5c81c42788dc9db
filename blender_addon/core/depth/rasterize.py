"""A z-buffered triangle renderer in numpy, made for depth meshes: many triangles of about a pixel each.

Pixel centres stand at half integers and an edge through a pixel's centre covers it, so that a mesh with a vertex a
pixel, seen from its own camera, covers every one of them. Both sides of a triangle are drawn. Triangles that reach
behind the near plane are dropped, not clipped: with triangles this small nobody can see the difference.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Float32, Float64, Int32, Int64
from ..camera.rotation import inverse

NEAR = 1e-3
"""Depth of the near plane, metres."""
EDGE_TOLERANCE = 1e-3
"""How far outside a triangle, pixels, a pixel's centre still counts as on its edge (float32 rounding)."""
SMALLEST_AREA = 1e-9
"""Twice the area, square pixels, below which a triangle is seen edge-on."""
CANDIDATES_AT_ONCE = 4_000_000
"""Pairs of triangle and pixel that are tested at once, about: bounds the memory."""

LARGE = 20_000
"""Pixels of a bounding box from which a triangle is drawn on its own, and only where it is not hidden."""


@dataclass(frozen=True, eq=False)
class Fragments:
    """What each pixel sees.

    Attributes:
        triangle: [H, W] int32, index of the triangle, -1 where there is none.
        weights: [H, W, 3] float32, perspective-correct weights of the triangle's corners, 0 where there is none.
        depth: [H, W] float32, metres along z, infinite where there is none.
    """

    triangle: Int32
    weights: Float32
    depth: Float32

    @property
    def covered(self) -> NDArray[np.bool_]:
        """[H, W] bool, True where there is a triangle."""
        return self.triangle >= 0

    def interpolate(self, triangles: Int32, values: Float32) -> Float32:
        """Values of the vertices interpolated at every pixel.

        Args:
            triangles: [T, 3] int32, the triangles that were drawn.
            values: [N, K] float32, one row for each vertex.

        Returns:
            [H, W, K] float32, 0 where there is no triangle.
        """
        seen = self.covered
        result = np.zeros((*seen.shape, values.shape[1]), np.float32)
        corners = values[triangles[self.triangle[seen]]]
        result[seen] = np.einsum("nck,nc->nk", corners, self.weights[seen])
        return result


@dataclass(frozen=True, eq=False)
class _Screen:
    """Vertices as one camera sees them.

    Attributes:
        x: [N] float32, pixels.
        y: [N] float32, pixels.
        inverse_depth: [N] float32, 1 / metres; 0 for a vertex that is not in front of the near plane.
    """

    x: Float32
    y: Float32
    inverse_depth: Float32


def rasterize(
    vertices: Float32, triangles: Int32, intrinsics: Float64, camera_to_world: Float64, size: tuple[int, int]
) -> Fragments:
    """The nearest triangle at every pixel.

    Args:
        vertices: [N, 3] float32, world coordinates, metres.
        triangles: [T, 3] int32, indices into the vertices.
        intrinsics: [3, 3] in pixels of `size`.
        camera_to_world: [4, 4], OpenCV camera axes, metres.
        size: (width, height), pixels.
    """
    width, height = size
    screen = _to_screen(vertices, intrinsics, camera_to_world)
    nearest = np.zeros(width * height, np.int64)
    visible, boxes = _boxes_with_pixels(screen, triangles, size)
    large = _pixel_counts(boxes) > LARGE
    _draw_large(screen, triangles, visible[large], boxes[large], width, nearest)
    visible, boxes = visible[~large], boxes[~large]
    for part in _parts(boxes):
        _draw(screen, triangles, visible[part], boxes[part], width, nearest)
    return _resolve(screen, triangles, nearest, size)


def _to_screen(vertices: Float32, intrinsics: Float64, camera_to_world: Float64) -> _Screen:
    matrix = intrinsics @ inverse(camera_to_world)[:3]
    homogeneous = vertices @ matrix[:, :3].T.astype(np.float32) + matrix[:, 3].astype(np.float32)
    z = homogeneous[:, 2]
    in_front = z > NEAR
    inverse_depth = np.where(in_front, 1 / np.where(in_front, z, 1), 0).astype(np.float32)
    return _Screen(homogeneous[:, 0] * inverse_depth, homogeneous[:, 1] * inverse_depth, inverse_depth)


def _boxes_with_pixels(screen: _Screen, triangles: Int32, size: tuple[int, int]) -> tuple[Int64, NDArray[np.int16]]:
    """The triangles whose bounding box holds a pixel's centre, and their boxes.

    Most triangles of a fine mesh hold none, so this takes most of the time: a vertex's four int16 travel as one int64,
    and the last pixel is negated so that one minimum makes the whole box.

    Returns:
        Indices of S triangles, [S] int64, and their boxes, [S, 4] int16: first x, first y, last x, last y, inclusive.
    """
    width, height = size
    limits = np.stack([screen.x - 0.5, screen.y - 0.5, 0.5 - screen.x, 0.5 - screen.y], axis=1)
    limits = np.clip(np.ceil(limits - EDGE_TOLERANCE), -30000, 30000).astype(np.int16)
    packed = np.ascontiguousarray(limits).view(np.int64)[:, 0]
    a, b, c = (packed[triangles[:, k]][:, None].view(np.int16) for k in range(3))
    boxes = np.minimum(np.minimum(a, b), c)
    np.negative(boxes[:, 2:], out=boxes[:, 2:])
    np.maximum(boxes[:, :2], 0, out=boxes[:, :2])
    np.minimum(boxes[:, 2:], np.array([width - 1, height - 1], np.int16), out=boxes[:, 2:])
    holds = (boxes[:, 0] <= boxes[:, 2]) & (boxes[:, 1] <= boxes[:, 3])
    behind = screen.inverse_depth <= 0
    if behind.any():
        holds &= ~behind[triangles].any(axis=1)
    visible = np.flatnonzero(holds)
    return visible, boxes[visible]


def _parts(boxes: NDArray[np.int16]) -> Iterator[slice]:
    """Slices of the boxes that hold about CANDIDATES_AT_ONCE pixels each, so that memory stays bounded."""
    counts = _pixel_counts(boxes)
    block = np.cumsum(counts) // CANDIDATES_AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(boxes)]
    return (slice(start, stop) for start, stop in itertools.pairwise(cuts))


def _pixel_counts(boxes: NDArray[np.int16]) -> Int64:
    wide = boxes.astype(np.int64)
    return (wide[:, 2] - wide[:, 0] + 1) * (wide[:, 3] - wide[:, 1] + 1)


def _draw(
    screen: _Screen, triangles: Int32, which: Int64, boxes: NDArray[np.int16], width: int, nearest: Int64
) -> None:
    """Draw these triangles into the depth buffer.

    Args:
        screen: the vertices.
        triangles: [T, 3], all of them.
        which: [S] indices of the triangles to draw.
        boxes: [S, 4] their bounding boxes.
        width: of the picture, pixels.
        nearest: [H * W] int64, changed in place: the bits of the inverse depth above the triangle's index + 1.
    """
    counts = _pixel_counts(boxes)
    owner = np.repeat(np.arange(len(which)), counts)
    ordinal = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    across = (boxes[:, 2] - boxes[:, 0] + 1).astype(np.int64)[owner]
    column = boxes[:, 0][owner] + ordinal % across
    row = boxes[:, 1][owner] + ordinal // across
    corners = triangles[which].T[:, owner]
    weights, inside = _barycentric(screen, corners, column, row)
    inverse_depth = np.einsum("cn,cn->n", screen.inverse_depth[corners], weights)
    keep = inside & (inverse_depth > 0)
    bits = inverse_depth[keep].view(np.int32).astype(np.int64)
    key = (bits << 32) | (which[owner[keep]] + 1)
    np.maximum.at(nearest, row[keep] * width + column[keep], key)


def _draw_large(
    screen: _Screen, triangles: Int32, which: Int64, boxes: NDArray[np.int16], width: int, nearest: Int64
) -> None:
    """Draw large triangles as `_draw` does, the nearest first, without those that nearer ones hide altogether."""
    buffer = nearest.reshape(-1, width)
    highest = screen.inverse_depth[triangles[which]].max(axis=1, initial=0.0)
    # Weights are rounded: a triangle may come a little nearer than its nearest corner.
    reach = (highest * np.float32(1.0001)).astype(np.float32).view(np.int32).astype(np.int64) + 1 << 32
    for index in np.argsort(-highest, kind="stable"):
        first_x, first_y, last_x, last_y = boxes[index].tolist()
        if buffer[first_y : last_y + 1, first_x : last_x + 1].min() < reach[index]:
            one = slice(index, index + 1)
            _draw(screen, triangles, which[one], boxes[one], width, nearest)


def _barycentric(screen: _Screen, corners: Int32, column: Int64, row: Int64) -> tuple[Float32, NDArray[np.bool_]]:
    """The corners' weights in screen space at pixel centres.

    Args:
        screen: the vertices.
        corners: [3, n] indices of the vertices.
        column: [n] of the pixel.
        row: [n] of the pixel.

    Returns:
        Weights [3, n] float32, clipped to 0..1, and [n] bool, whether the centre is inside the triangle.
    """
    x = screen.x[corners] - (column + 0.5).astype(np.float32)
    y = screen.y[corners] - (row + 0.5).astype(np.float32)
    # Twice the area that the centre makes with the edge opposite to each corner. Sums and extremes of the three rows
    # are written out: numpy reduces a short first axis several times slower.
    weights = np.stack([x[a] * y[b] - x[b] * y[a] for a, b in ((1, 2), (2, 0), (0, 1))])
    area = weights[0] + weights[1] + weights[2]
    longest = np.maximum(_highest(x) + _highest(-x), _highest(y) + _highest(-y))
    with np.errstate(divide="ignore", invalid="ignore"):
        weights /= area
        inside = -_highest(-weights) >= -EDGE_TOLERANCE * longest / np.abs(area)
    inside &= np.abs(area) > SMALLEST_AREA
    return np.clip(weights, 0, 1), inside


def _highest(rows: Float32) -> Float32:
    highest: Float32 = np.maximum(np.maximum(rows[0], rows[1]), rows[2])
    return highest


def _resolve(screen: _Screen, triangles: Int32, nearest: Int64, size: tuple[int, int]) -> Fragments:
    width, height = size
    pixel = np.flatnonzero(nearest)
    triangle = np.full(width * height, -1, np.int32)
    triangle[pixel] = (nearest[pixel] & 0xFFFFFFFF) - 1
    corners = triangles[triangle[pixel]].T
    flat, _ = _barycentric(screen, corners, pixel % width, pixel // width)
    weights = flat * screen.inverse_depth[corners]
    inverse_depth = weights.sum(axis=0)
    result = np.zeros((width * height, 3), np.float32)
    result[pixel] = (weights / inverse_depth).T
    depth = np.full(width * height, np.inf, np.float32)
    depth[pixel] = flat.sum(axis=0) / inverse_depth
    return Fragments(triangle.reshape(height, width), result.reshape(height, width, 3), depth.reshape(height, width))
