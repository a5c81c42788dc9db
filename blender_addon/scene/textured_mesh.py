"""A Blender mesh of triangles with a texture's coordinates, made at once from arrays."""

from __future__ import annotations

import bpy
import numpy as np

from ..core.arrays import Float32, Int32
from .mesh import UV_MAP


def textured_mesh(name: str, points: Float32, triangles: Int32, places: Float32) -> bpy.types.Mesh:
    """A new mesh with the UV map that a photo's material reads.

    Args:
        name: Of the mesh.
        points: [N, 3] float32 vertices.
        triangles: [T, 3] int32 indices into them.
        places: [T, 3, 2] float32 where each corner stands in the texture, (0, 0) its bottom-left corner.
    """
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(points))
    mesh.attributes["position"].data.foreach_set("vector", np.ascontiguousarray(points, dtype=np.float32).ravel())
    if len(triangles):
        mesh.loops.add(triangles.size)
        mesh.attributes[".corner_vert"].data.foreach_set("value", np.ascontiguousarray(triangles).ravel())
        mesh.polygons.add(len(triangles))
        mesh.polygons.foreach_set("loop_start", np.arange(0, triangles.size, 3, dtype=np.int32))
        uv = mesh.uv_layers.new(name=UV_MAP, do_init=False)
        uv.uv.foreach_set("vector", np.ascontiguousarray(places, dtype=np.float32).ravel())
    mesh.update(calc_edges=True)
    return mesh
