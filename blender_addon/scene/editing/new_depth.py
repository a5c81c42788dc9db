"""Another depth for some pixels of a photo that is in the scene, on the grid that its mesh has."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np

from ...core.arrays import Bool, Float32, Float64, Int32
from ...core.depth.cleaning.clean import MOVED
from ...core.depth.depth_mesh import cut_faces, known_depth, lift
from ...core.depth.seen_depth import GridRays
from ...core.errors import PhotoError
from ..axes import blender_points, depth_of
from ..grid_places import even_places, measured_places
from ..mesh import GridVertices, own_vertices, rebuild_mesh
from ..photo_scene import PhotoScene, editable, store_record
from .cleaning import facts_of_vertices
from .depth_layout import LAYOUT
from .overlay import cleaning_shown, hide_cleaning, show_cleaning
from .rig_dependencies import let_cameras_see


def grid_rays(photo_scene: PhotoScene) -> GridRays:
    """The rays of the photo's depth grid; a mesh that has lost its attributes gets evenly spaced ones."""
    record = photo_scene.record
    vertices = grid_vertices(photo_scene.mesh.data)
    if vertices is None:
        u, v = even_places(record.columns), even_places(record.rows)
    else:
        row, column = np.divmod(vertices.pixels, record.columns)
        u = measured_places(record.columns, column, vertices.picture[:, 0])
        v = measured_places(record.rows, row, 1 - vertices.picture[:, 1])
    return GridRays(u, v, photo_scene.intrinsics, photo_scene.photo_size)


def grid_vertices(mesh: bpy.types.Mesh) -> GridVertices | None:
    """The mesh's vertices as own_vertices gives them; None when it has lost the attributes of a photo's mesh."""
    try:
        return own_vertices(mesh)
    except PhotoError:
        return None


def set_depth(
    scene: bpy.types.Scene,
    photo_scene: PhotoScene,
    depth: Float32,
    where: Bool,
    *,
    unrefined: Float32 | None = None,
    from_scratch: bool = False,
) -> PhotoScene:
    """Give some pixels another depth: their vertices are made anew on their rays, and the mesh is cut at depth edges.

    Everywhere else vertices stay as they are, with what cleaning found of them as long as a step of it is in force.
    Shape keys, which count vertices, are removed.

    Args:
        scene: Its cameras shall see as far as the depth reaches.
        photo_scene: The photo.
        depth: [R, C] float32 metres along z in the mesh's own axes; not positive or not finite: unknown.
        where: [R, C] bool, the pixels that take it.
        unrefined: [R, C] what `depth` was before its edges were moved onto the photo's, which can then be taken back
            as any edge that cleaning moved; None when they were not.
        from_scratch: Nothing of the depth is the imported one's: a calibrated scale is no longer one of it. A layout
            that stays stored on the photo keeps it, as its lengths are in metres before calibration.

    Returns:
        The photo with its changed record.

    Raises:
        PhotoError: The mesh is in Edit Mode or linked, nothing would have depth, or what has makes no surface. Nothing
            has changed then.
    """
    mesh, record = photo_scene.mesh.data, photo_scene.record
    if mesh.is_editmode:
        raise PhotoError("The mesh is being edited", photo_scene.mesh.name, "Leave Edit Mode first.")
    editable(photo_scene)
    before = None if where.all() else own_vertices(mesh)
    new = _new_vertices(photo_scene, known_depth(depth), where, unrefined)
    vertices = new if before is None else _joined(before, new, where)
    marked = bool(record.cleaned) and not from_scratch and (before is not None or unrefined is not None)
    cleaned = record.cleaned if marked else 0
    vertices = replace(vertices, is_analysed=marked)
    _check_surface(vertices, photo_scene, cleaned)
    if mesh.shape_keys is not None:
        photo_scene.mesh.shape_key_clear()
    rebuild_mesh(mesh, vertices, (record.rows, record.columns), record.depth_edge, cleaned)
    changed = replace(record, cleaned=cleaned)
    if from_scratch:
        changed = replace(changed, law=None, numbers="metric")
        if LAYOUT not in photo_scene.mesh:
            changed = replace(changed, scale=1.0, calibrated_scale=record.shot_scale)
    changed = replace(changed, facts=facts_of_vertices(vertices, cleaned, changed))
    store_record(photo_scene.mesh, changed)
    result = replace(photo_scene, record=changed)
    let_cameras_see(scene, photo_scene, float(depth_of(vertices.positions).max()))
    if cleaning_shown(result):
        (show_cleaning if marked else hide_cleaning)(result)
    return result


def _new_vertices(photo_scene: PhotoScene, depth: Float32, where: Bool, unrefined: Float32 | None) -> GridVertices:
    """Vertices of the pixels `where` the depth is known, each on its ray."""
    rays = grid_rays(photo_scene)
    pixels = np.flatnonzero(where & np.isfinite(depth)).astype(np.int32)
    row, column = np.divmod(pixels, len(rays.u))
    uv: Float64 = np.stack([rays.u[column], rays.v[row]], axis=1)
    z = depth.ravel()[pixels]
    points = lift(uv, z, rays.intrinsics, rays.photo_size).astype(np.float32)
    shift = np.ones(len(pixels), dtype=np.float32)
    if unrefined is not None:
        shift = np.asarray(z / unrefined.ravel()[pixels], dtype=np.float32)
    flags: Int32 = np.where(shift != 1, MOVED, 0).astype(np.int32)
    picture = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1).astype(np.float32)
    return GridVertices(blender_points(points), pixels, picture, flags, shift, is_analysed=False)


def _joined(before: GridVertices, new: GridVertices, where: Bool) -> GridVertices:
    """The vertices of pixels that keep theirs, and the new ones, in the order of their pixels."""
    kept = ~where.ravel()[before.pixels]
    pixels = np.concatenate([before.pixels[kept], new.pixels])
    order = np.argsort(pixels, kind="stable")
    return GridVertices(
        positions=np.concatenate([before.positions[kept], new.positions])[order],
        pixels=pixels[order],
        picture=np.concatenate([before.picture[kept], new.picture])[order],
        cleaning_flags=np.concatenate([before.cleaning_flags[kept], new.cleaning_flags])[order],
        shift=np.concatenate([before.shift[kept], new.shift])[order],
        is_analysed=before.is_analysed,
    )


def _check_surface(vertices: GridVertices, photo_scene: PhotoScene, cleaned: int) -> None:
    record = photo_scene.record
    counts = vertices.count(cleaned)
    if not counts.any():
        raise PhotoError(
            "Nothing of the photo would have depth",
            f"all {record.rows * record.columns:,} pixels would be unknown",
            "Put something in front of the photo's camera, or give what is not covered a distance.",
        )
    depth = np.full(record.rows * record.columns, np.nan, dtype=np.float32)
    depth[vertices.pixels[counts]] = depth_of(vertices.positions[counts])
    if not any(map(len, cut_faces(depth.reshape(record.rows, record.columns), record.depth_edge))):
        raise PhotoError(
            "The depth makes no surface",
            f"{counts.sum():,} pixels have depth, and none forms a face with its neighbours",
            "Cover more of the photo, or raise Depth Edge.",
        )
