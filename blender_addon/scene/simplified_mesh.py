"""A photo's mesh with fewer vertices than its depth has pixels (Decimate, Dissolve): its faces have it."""

from __future__ import annotations

import bpy
import numpy as np

from ..core.arrays import Float32, Float64
from ..core.depth.seen_depth import GridRays, seen_depth
from .axes import blender_points
from .grid_places import measured_places
from .mesh import PICTURE, PIXEL, mesh_surface

LOOKS = 64
"""How many faces are looked at."""
WIDE = 3.0
"""Steps of the depth grid that a face spans at most, unless the mesh was simplified."""
SHARE = 0.1
"""Share of the faces that is wider in a simplified mesh."""


def is_simplified(mesh: bpy.types.Mesh, rows: int, columns: int) -> bool:
    """Whether faces span pixels of the depth grid [rows, columns] without a vertex. Fast enough for a panel's draw.

    Args:
        mesh: The photo's mesh; in Edit Mode it does not tell.
        rows: Of the depth grid.
        columns: Of the depth grid.
    """
    picture, count = mesh.attributes.get(PICTURE), len(mesh.polygons)
    if mesh.is_editmode or picture is None or picture.domain != "POINT" or not count or not mesh.vertices:
        return False
    chosen = np.unique(np.linspace(0, count - 1, LOOKS).astype(int)).tolist()
    wide = 0
    for index in chosen:
        places = np.array([picture.data[vertex].vector for vertex in mesh.polygons[index].vertices])
        wide += bool((np.ptp(places, axis=0) * (columns, rows)).max() > WIDE)
    return wide > SHARE * len(chosen)


def depth_of_faces(
    mesh: bpy.types.Mesh, depth: Float32, into_camera: Float64, intrinsics: Float64, photo_size: tuple[int, int]
) -> Float32:
    """The depth, with that of the mesh's faces where it is unknown.

    Args:
        mesh: The photo's mesh.
        depth: [R, C] metres of its vertices, NaN elsewhere.
        into_camera: [4, 4] from the mesh's own axes to the photo camera's Blender axes.
        intrinsics: [3, 3] in pixels of photo_size.
        photo_size: (width, height) pixels.

    Returns:
        [R, C] float32 metres along z, NaN where no face covers a pixel.
    """
    rows, columns = depth.shape
    local, faces = mesh_surface(mesh)
    vertices = blender_points(local @ into_camera[:3, :3].T + into_camera[:3, 3])
    # A face that hangs on something at the camera or behind it shows nothing that is in the photo.
    faces = faces[(vertices[:, 2] > 0)[faces].all(axis=1)]
    rays = GridRays(_places(mesh, columns, 0, columns), _places(mesh, rows, 1, columns), intrinsics, photo_size)
    return np.where(np.isfinite(depth), depth, seen_depth(vertices, faces, rays))


def _places(mesh: bpy.types.Mesh, count: int, axis: int, columns: int) -> Float64:
    """[count] the places of the grid's columns (axis 0) or rows (axis 1) in the photo, as its vertices have them."""
    pixels, picture = np.empty(len(mesh.vertices), np.int32), np.empty(2 * len(mesh.vertices), np.float32)
    mesh.attributes[PIXEL].data.foreach_get("value", pixels)
    mesh.attributes[PICTURE].data.foreach_get("vector", picture)
    return measured_places(count, np.divmod(pixels, columns)[1 - axis], np.abs(picture.reshape(-1, 2)[:, axis] - axis))
