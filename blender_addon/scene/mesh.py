"""The depth mesh as a Blender mesh, and back, so that it can be cut anew. NumPy and foreach_set only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.depth_mesh import DepthMesh, Float32, Int32, cut_faces
from ..core.errors import PhotoError
from .axes import blender_points, depth_of

PIXEL = "realcam_pixel"
"""Vertex attribute: row * columns + column of the depth grid."""
PICTURE = "realcam_picture"
"""Vertex attribute: where the vertex stands in the photo, (0, 0) its bottom-left corner, (1, 1) its top-right one."""

FLAW = "realcam_flaw"
"""Vertex attribute, if the depth was looked at: bits of what is wrong with it (core.depth_request)."""

UV_MAP = "UVMap"


def fill_mesh(mesh: bpy.types.Mesh, depth_mesh: DepthMesh) -> None:
    """Put a depth mesh into an empty Blender mesh, in the reference camera's Blender axes."""
    pixels = np.flatnonzero(np.isfinite(depth_mesh.grid.depth)).astype(np.int32)
    picture = np.stack([depth_mesh.uv[:, 0], 1 - depth_mesh.uv[:, 1]], axis=1)
    _fill(mesh, blender_points(depth_mesh.vertices), pixels, picture, (depth_mesh.quads, depth_mesh.triangles))


def grid_depth(mesh: bpy.types.Mesh, rows: int, columns: int, dropped: int = 0) -> Float32:
    """[rows, columns] depth along z in the mesh's own metres, NaN where there is no vertex (any more), or one with a
    flaw among the bits `dropped`."""
    depth = np.full(rows * columns, np.nan, dtype=np.float32)
    with _readable(mesh) as data:
        kept = flaws(data) & dropped == 0
        depth[_attribute(data, PIXEL, "value", np.int32)[kept]] = depth_of(_positions(data)[kept])
    return depth.reshape(rows, columns)


def flaws(mesh: bpy.types.Mesh) -> Int32:
    """[V] bits of what is wrong with each vertex; zeros when the depth was not looked at."""
    if FLAW not in mesh.attributes:
        return np.zeros(len(mesh.vertices), dtype=np.int32)
    return _attribute(mesh, FLAW, "value", np.int32)


def set_flaws(mesh: bpy.types.Mesh, grid: Int32) -> None:
    """Remember what is wrong with each vertex, from bits [rows, columns] of the depth grid."""
    if FLAW not in mesh.attributes:
        mesh.attributes.new(FLAW, "INT", "POINT")
    pixels = _attribute(mesh, PIXEL, "value", np.int32)
    mesh.attributes[FLAW].data.foreach_set("value", np.ascontiguousarray(grid.ravel()[pixels], dtype=np.int32))


@contextmanager
def _readable(mesh: bpy.types.Mesh) -> Iterator[bpy.types.Mesh]:
    """A mesh in Edit Mode hides its attributes; a copy of it, as it was before, does not."""
    if not mesh.is_editmode:
        yield mesh
        return
    copy = mesh.copy()
    try:
        yield copy
    finally:
        bpy.data.meshes.remove(copy)


def recut_mesh(mesh: bpy.types.Mesh, rows: int, columns: int, depth_edge: float, dropped: int = 0) -> None:
    """Give the mesh the faces of another depth edge; vertices, materials and what the artist deleted stay.

    Vertices with a flaw among the bits `dropped` stay too, but belong to no face.
    """
    if mesh.is_editmode:
        raise PhotoError("The mesh is being edited", mesh.name, "Leave Edit Mode to change the depth edge.")
    pixels = _attribute(mesh, PIXEL, "value", np.int32)
    order = np.argsort(pixels, kind="stable")
    positions, pixels = _positions(mesh)[order], pixels[order]
    picture = _attribute(mesh, PICTURE, "vector", np.float32, 2).reshape(-1, 2)[order]
    flaw = flaws(mesh)[order]
    kept = np.flatnonzero(flaw & dropped == 0).astype(np.int32)
    quads, triangles = cut_faces(grid_depth(mesh, rows, columns, dropped), depth_edge)
    mesh.clear_geometry()
    _fill(mesh, positions, pixels, picture, (kept[quads], kept[triangles]))
    if flaw.any():
        mesh.attributes.new(FLAW, "INT", "POINT").data.foreach_set("value", flaw)


def _fill(
    mesh: bpy.types.Mesh, positions: Float32, pixels: Int32, picture: Float32, faces: tuple[Int32, Int32]
) -> None:
    picture = np.ascontiguousarray(picture, dtype=np.float32)
    mesh.vertices.add(len(positions))
    # As attributes these are copied whole; `co` and `vertex_index` go through a call for each item.
    mesh.attributes["position"].data.foreach_set("vector", np.ascontiguousarray(positions).ravel())
    if any(map(len, faces)):
        _add_faces(mesh, *faces, picture)
    # After the UV map: Blender 5.2 takes the first pair of numbers for the map when a material names none.
    mesh.attributes.new(PIXEL, "INT", "POINT").data.foreach_set("value", pixels)
    mesh.attributes.new(PICTURE, "FLOAT2", "POINT").data.foreach_set("vector", picture.ravel())
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


def _positions(mesh: bpy.types.Mesh) -> Float32:
    positions = np.empty(len(mesh.vertices) * 3, dtype=np.float32)
    mesh.attributes["position"].data.foreach_get("vector", positions)
    return positions.reshape(-1, 3)


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
