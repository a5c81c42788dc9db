"""The depth mesh as a Blender mesh, and back, so that it can be cut anew. NumPy and foreach_set only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Float32, Float64, Int32
from ..core.depth.cleaning.clean import FLYING, OUTLIER, SKY
from ..core.depth.depth_mesh import DepthMesh, cut_faces
from ..core.errors import PhotoError
from .axes import blender_points, depth_of

PIXEL = "realcam_pixel"
"""Vertex attribute: row * columns + column of the depth grid."""
PICTURE = "realcam_picture"
"""Vertex attribute: where the vertex stands in the photo, (0, 0) its bottom-left corner, (1, 1) its top-right one."""

TOUCHED = "realcam_touched"
"""Vertex attribute, once cleaning has analysed the depth: bits of what it does there (core.depth.cleaning.clean)."""
SHIFT = "realcam_shift"
"""Vertex attribute beside TOUCHED: the depth after an edge was moved, or the sky put on its shell, over the depth
before; 0 where that was not known (Blender replaces NaN in meshes).
"""

TAKEN = "realcam_depth"
"""Vertex attribute: the depth that the vertex was built at, metres; what an artist moves afterwards differs from it."""
IMPORTED = "realcam_imported"
"""Vertex attribute of a calibrated depth: metres along z as they were imported, before cleaning moved any."""

UV_MAP = "UVMap"


@dataclass(frozen=True, eq=False)
class GridVertices:
    """The vertices of a depth grid in the order of their pixels.

    Attributes:
        positions: [V, 3] float32 metres, the reference camera's Blender axes.
        pixels: [V] int32, as PIXEL holds them.
        picture: [V, 2] float32, as PICTURE holds them.
        cleaning_flags: [V] int32 bits, as TOUCHED holds them; zeros before an analysis.
        shift: [V] float32 ratios, as SHIFT holds them; ones before an analysis.
        is_analysed: Whether cleaning has analysed the depth.
        imported: [V] float32 metres, as IMPORTED holds them; None where the depth is as imported.
    """

    positions: Float32
    pixels: Int32
    picture: Float32
    cleaning_flags: Int32
    shift: Float32
    is_analysed: bool
    imported: Float32 | None = None

    def moved(self, transform: Float64) -> GridVertices:
        """The same vertices, their positions mapped by an affine transform [4, 4]."""
        points = self.positions.astype(np.float64) @ transform[:3, :3].T + transform[:3, 3]
        return replace(self, positions=points.astype(np.float32))

    def count(self, cleaned: int) -> NDArray[np.bool_]:
        """Which vertices belong to the surface with some cleaning steps in force.

        Left out are those that the steps drop, and sky without a depth of its own unless it is put on its shell.

        Args:
            cleaned: Bits of the steps in force.

        Returns:
            [V] bool.
        """
        return counting(self.cleaning_flags, self.shift, cleaned)


def counting(flags: Int32, shift: Float32, cleaned: int) -> NDArray[np.bool_]:
    """[V] bool, see GridVertices.count; vertices may stand in any order, and more than once."""
    dropped = (flags & cleaned & (FLYING | OUTLIER)) != 0
    off_shell = (shift == 0) & (cleaned & SKY == 0)
    return np.asarray(~dropped & ~off_shell, dtype=np.bool_)


def fill_mesh(mesh: bpy.types.Mesh, depth_mesh: DepthMesh) -> None:
    """Put a depth mesh into an empty Blender mesh, in the reference camera's Blender axes.

    Args:
        mesh: An empty mesh; it gets vertices, faces, the UV map and the attributes PIXEL and PICTURE.
        depth_mesh: In metres, OpenCV axes.
    """
    pixels = np.flatnonzero(np.isfinite(depth_mesh.grid.depth)).astype(np.int32)
    picture = np.stack([depth_mesh.uv[:, 0], 1 - depth_mesh.uv[:, 1]], axis=1)
    zeros, ones = np.zeros(len(pixels), dtype=np.int32), np.ones(len(pixels), dtype=np.float32)
    vertices = GridVertices(blender_points(depth_mesh.vertices), pixels, picture, zeros, ones, is_analysed=False)
    _fill(mesh, vertices, (depth_mesh.quads, depth_mesh.triangles))


def read_vertices(mesh: bpy.types.Mesh) -> GridVertices:
    """The mesh's vertices in the order of their pixels, in which an import's stand and an edited mesh's need not.

    Raises:
        PhotoError: The mesh is in Edit Mode, has lost an attribute, or has vertices that stand for no pixel of theirs.
    """
    vertices = own_vertices(mesh)
    if len(vertices.pixels) < len(mesh.vertices):
        raise PhotoError(
            "The photo's mesh has vertices that are not the photo's",
            f"{len(mesh.vertices) - len(vertices.pixels):,} that were joined, or made by subdividing",
            "Press Take Shape as Depth, which makes depth of them; or separate them (P in Edit Mode).",
        )
    return vertices


def own_vertices(mesh: bpy.types.Mesh) -> GridVertices:
    """The same, without vertices that were joined to the mesh or made by subdividing it.

    Raises:
        PhotoError: The mesh is in Edit Mode or has lost an attribute.
    """
    if mesh.is_editmode:
        raise PhotoError("The mesh is being edited", mesh.name, "Leave Edit Mode first.")
    return _vertices(mesh)


def grid_depth(
    mesh: bpy.types.Mesh, rows: int, columns: int, cleaned: int = 0, into_camera: Float64 | None = None
) -> Float32:
    """The depth that the mesh holds, as a grid. A mesh in Edit Mode is read as it was before.

    Args:
        mesh: The photo's mesh.
        rows: Of the depth grid.
        columns: Of the depth grid.
        cleaned: Bits of the cleaning steps in force.
        into_camera: [4, 4] from the mesh's own axes to the photo camera's Blender axes; None where they are the same.

    Returns:
        [rows, columns] float32 metres along z of the photo's camera; NaN where there is no vertex, or one that does
        not count (see GridVertices.count).

    Raises:
        PhotoError: The mesh has lost an attribute.
    """
    with _readable(mesh) as data:
        vertices = _vertices(data)
        if into_camera is not None and not np.array_equal(into_camera, np.eye(4)):
            vertices = vertices.moved(into_camera)
        return _grid_depth(vertices, rows, columns, cleaned)


@contextmanager
def _readable(mesh: bpy.types.Mesh) -> Iterator[bpy.types.Mesh]:
    """The mesh, or a copy of it as it was before Edit Mode, in which a mesh hides its attributes."""
    if not mesh.is_editmode:
        yield mesh
        return
    copy = mesh.copy()
    try:
        yield copy
    finally:
        bpy.data.meshes.remove(copy)


def recut_mesh(mesh: bpy.types.Mesh, rows: int, columns: int, depth_edge: float, cleaned: int = 0) -> None:
    """Give the mesh the faces of another depth edge; vertices, materials and what the artist deleted stay.

    Args:
        mesh: The photo's mesh.
        rows: Of the depth grid.
        columns: Of the depth grid.
        depth_edge: Relative jump of depth above which two neighbouring pixels are different surfaces.
        cleaned: Bits of the cleaning steps in force. Vertices that do not count with them stay, but belong to no face.

    Raises:
        PhotoError: The mesh is in Edit Mode or has lost an attribute.
    """
    rebuild_mesh(mesh, read_vertices(mesh), (rows, columns), depth_edge, cleaned)


def built_depth(mesh: bpy.types.Mesh) -> Float32 | None:
    """[V] float32 metres that the vertices were built at, in the order of own_vertices; None in files of before.

    Raises:
        PhotoError: The mesh has lost an attribute.
    """
    if TAKEN not in mesh.attributes:
        return None
    taken: Float32 = _attribute(mesh, TAKEN, "value", np.float32)
    return taken[_order(mesh)]


def rebuild_mesh(
    mesh: bpy.types.Mesh, vertices: GridVertices, grid: tuple[int, int], depth_edge: float, cleaned: int
) -> None:
    """Replace the mesh's vertices, and make the faces between those that count.

    Args:
        mesh: The photo's mesh; its geometry is replaced.
        vertices: In the order of their pixels.
        grid: (rows, columns) of the depth grid.
        depth_edge: Relative jump of depth above which two neighbouring pixels are different surfaces.
        cleaned: Bits of the cleaning steps in force.
    """
    quads, triangles = cut_faces(_grid_depth(vertices, *grid, cleaned), depth_edge)
    kept = np.flatnonzero(vertices.count(cleaned)).astype(np.int32)
    mesh.clear_geometry()
    _fill(mesh, vertices, (kept[quads], kept[triangles]))


def mark_vertices(mesh: bpy.types.Mesh, vertices: GridVertices) -> None:
    """Write what cleaning found of each vertex into the attributes TOUCHED and SHIFT.

    Args:
        mesh: A mesh without these attributes; its vertices may stand in any order.
        vertices: The same vertices, in the order of their pixels.
    """
    order = np.argsort(_attribute(mesh, PIXEL, "value", np.int32), kind="stable")
    cleaning_flags, shift = np.empty_like(vertices.cleaning_flags), np.empty_like(vertices.shift)
    cleaning_flags[order], shift[order] = vertices.cleaning_flags, vertices.shift
    mesh.attributes.new(TOUCHED, "INT", "POINT").data.foreach_set("value", cleaning_flags)
    mesh.attributes.new(SHIFT, "FLOAT", "POINT").data.foreach_set("value", shift)


def _vertices(mesh: bpy.types.Mesh) -> GridVertices:
    pixels, order = _attribute(mesh, PIXEL, "value", np.int32), _order(mesh)
    is_analysed = TOUCHED in mesh.attributes
    cleaning_flags = _attribute(mesh, TOUCHED, "value", np.int32) if is_analysed else np.zeros_like(pixels)
    shift = _attribute(mesh, SHIFT, "value", np.float32) if is_analysed else np.ones(len(pixels), dtype=np.float32)
    picture = _attribute(mesh, PICTURE, "vector", np.float32, 2).reshape(-1, 2)
    return GridVertices(
        positions=positions_of(mesh)[order],
        pixels=pixels[order],
        picture=picture[order],
        cleaning_flags=cleaning_flags[order],
        shift=shift[order],
        is_analysed=is_analysed,
        imported=_attribute(mesh, IMPORTED, "value", np.float32)[order] if IMPORTED in mesh.attributes else None,
    )


def _order(mesh: bpy.types.Mesh) -> NDArray[np.int64]:
    """Indices of the vertices that stand for a pixel of their own, in the order of the pixels."""
    pixels = _attribute(mesh, PIXEL, "value", np.int32)
    picture = _attribute(mesh, PICTURE, "vector", np.float32, 2).reshape(-1, 2)
    order = np.argsort(pixels, kind="stable")
    return np.asarray(order[_own(pixels[order], picture[order])], dtype=np.int64)


def _own(pixels: Int32, picture: Float32) -> NDArray[np.bool_]:
    """[V] bool, which vertices in the order of their pixels stand for a pixel of their own.

    A vertex that was joined has zeros as attributes, one of a subdivision its neighbours': Blender appends both.
    """
    first = np.ones(len(pixels), dtype=np.bool_)
    first[1:] = pixels[1:] != pixels[:-1]
    nowhere = (pixels == 0) & (picture == 0).all(axis=1)
    return np.asarray(first & ~nowhere, dtype=np.bool_)


def _grid_depth(vertices: GridVertices, rows: int, columns: int, cleaned: int) -> Float32:
    counts = vertices.count(cleaned) & (vertices.pixels >= 0) & (vertices.pixels < rows * columns)
    # A vertex of a subdivision has the mean of its neighbours' pixels, which may be one that is far away.
    row, column = np.divmod(vertices.pixels, columns)
    counts &= np.abs(vertices.picture[:, 0] - (column + 0.5) / columns) < 1 / columns
    counts &= np.abs(1 - vertices.picture[:, 1] - (row + 0.5) / rows) < 1 / rows
    depth = np.full(rows * columns, np.nan, dtype=np.float32)
    depth[vertices.pixels[counts]] = depth_of(vertices.positions[counts])
    return depth.reshape(rows, columns)


def _fill(mesh: bpy.types.Mesh, vertices: GridVertices, faces: tuple[Int32, Int32]) -> None:
    picture = np.ascontiguousarray(vertices.picture, dtype=np.float32)
    mesh.vertices.add(len(picture))
    # As attributes these are copied whole; `co` and `vertex_index` go through a call for each item.
    mesh.attributes["position"].data.foreach_set("vector", np.ascontiguousarray(vertices.positions).ravel())
    if any(map(len, faces)):
        _add_faces(mesh, *faces, picture)
    # After the UV map: Blender 5.2 takes the first pair of numbers for the map when a material names none.
    mesh.attributes.new(PIXEL, "INT", "POINT").data.foreach_set("value", vertices.pixels)
    mesh.attributes.new(PICTURE, "FLOAT2", "POINT").data.foreach_set("vector", picture.ravel())
    mesh.attributes.new(TAKEN, "FLOAT", "POINT").data.foreach_set("value", depth_of(vertices.positions))
    if vertices.is_analysed:
        mark_vertices(mesh, vertices)
    if vertices.imported is not None:
        mesh.attributes.new(IMPORTED, "FLOAT", "POINT").data.foreach_set("value", vertices.imported)
    mesh.update(calc_edges=True)


def _add_faces(mesh: bpy.types.Mesh, quads: Int32, triangles: Int32, picture: Float32) -> None:
    corners = np.concatenate([quads.ravel(), triangles.ravel()])
    starts = np.concatenate([np.arange(len(quads)) * 4, len(quads) * 4 + np.arange(len(triangles)) * 3])
    mesh.loops.add(len(corners))
    mesh.attributes[".corner_vert"].data.foreach_set("value", corners)
    mesh.polygons.add(len(starts))
    mesh.polygons.foreach_set("loop_start", starts.astype(np.int32))
    uv = mesh.uv_layers.new(name=UV_MAP, do_init=False)
    uv.uv.foreach_set("vector", picture[corners].ravel())


def positions_of(mesh: bpy.types.Mesh) -> Float32:
    """[V, 3] float32 where a mesh's vertices stand, in its own axes."""
    positions = np.empty(len(mesh.vertices) * 3, dtype=np.float32)
    mesh.attributes["position"].data.foreach_get("vector", positions)
    return positions.reshape(-1, 3)


def mesh_surface(mesh: Any) -> tuple[Float64, Int32]:
    """[N, 3] float64 vertices in the mesh's own axes and [T, 3] int32 triangles of a mesh."""
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return positions_of(mesh).astype(np.float64), triangles.reshape(-1, 3)


def _attribute(mesh: bpy.types.Mesh, name: str, field: str, dtype: type, width: int = 1) -> NDArray[Any]:
    attribute = mesh.attributes.get(name)
    if attribute is None or attribute.domain != "POINT":
        raise PhotoError(
            "The mesh is no longer the photo's",
            f"{mesh.name} has lost its attribute {name}",
            "Undo the edit that removed it, or import the photo again.",
        )
    values: NDArray[Any] = np.empty(len(mesh.vertices) * width, dtype=dtype)
    attribute.data.foreach_get(field, values)
    return values
