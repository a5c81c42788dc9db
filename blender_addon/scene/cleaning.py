"""Depth cleaning in the scene: what is wrong with the depth is marked, shown, and left out or taken back at any time.

Vertices are never deleted for it: a vertex with a flaw that is left out belongs to no face and counts as unknown.
"""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np

from ..blender_versions import use_nodes
from ..core.depth_cleaning import flying_pixels
from ..core.depth_mesh import Float32, Int32, cut_faces
from ..core.depth_request import FLYING, OUTLIER
from ..core.errors import PhotoError
from .mesh import PIXEL, flaws, grid_depth, recut_mesh, set_flaws
from .photo_scene import PhotoScene, store_record

SHOWN = "realcam_cleaning"
"""Custom property of the object that shows flaws."""

_COLOURS = {FLYING: (1.0, 0.05, 0.0, 1.0), OUTLIER: (1.0, 0.5, 0.0, 1.0)}


def look_at_depth(photo_scene: PhotoScene) -> None:
    """Mark flying pixels by the depth as it is now. Outliers that a server has marked stay marked.

    Raises PhotoError when the mesh is in Edit Mode.
    """
    mesh, record = photo_scene.mesh.data, photo_scene.record
    if mesh.is_editmode:
        raise PhotoError("The mesh is being edited", photo_scene.mesh.name, "Leave Edit Mode to clean the depth.")
    width, height = photo_scene.photo_size
    lens = np.diag([record.columns / width, record.rows / height, 1.0]) @ photo_scene.intrinsics
    depth = grid_depth(mesh, record.rows, record.columns)
    set_flaws(mesh, np.where(flying_pixels(depth, lens), FLYING, 0) | _grid_of(photo_scene) & ~FLYING)


def set_dropped(photo_scene: PhotoScene, dropped: int) -> PhotoScene:
    """Leave out the vertices with one of these flaws (bits FLYING, OUTLIER), and only those.

    Flying pixels are looked for when they have not been. Raises PhotoError when the mesh is in Edit Mode.
    """
    mesh, record = photo_scene.mesh.data, photo_scene.record
    if mesh.is_editmode:
        raise PhotoError("The mesh is being edited", photo_scene.mesh.name, "Leave Edit Mode to clean the depth.")
    if dropped & FLYING and not flaw_counts(photo_scene)[FLYING]:
        look_at_depth(photo_scene)
    recut_mesh(mesh, record.rows, record.columns, record.depth_edge, dropped)
    changed = replace(record, dropped=dropped)
    store_record(photo_scene.mesh, changed)
    return replace(photo_scene, record=changed)


def flaw_counts(photo_scene: PhotoScene) -> dict[int, int]:
    """How many vertices have each flaw."""
    bits = flaws(photo_scene.mesh.data)
    return {bit: int((bits & bit != 0).sum()) for bit in _COLOURS}


def show_flaws(photo_scene: PhotoScene) -> bpy.types.Object:
    """An object that shows the surface at every flaw, coloured by its kind: what is, or would be, left out.

    It lies on the mesh, is never rendered, and takes the place of an earlier one.
    """
    hide_flaws(photo_scene)
    record, source = photo_scene.record, photo_scene.mesh.data
    quads, triangles = cut_faces(grid_depth(source, record.rows, record.columns), 10.0)
    bits = _in_order(photo_scene)
    quads, triangles = (faces[(bits[faces] != 0).any(axis=1)] for faces in (quads, triangles))
    used, corners = np.unique(np.concatenate([quads.ravel(), triangles.ravel()]), return_inverse=True)
    four, three = corners[: quads.size].reshape(-1, 4), corners[quads.size :].reshape(-1, 3)
    mesh = bpy.data.meshes.new("Depth Flaws")
    mesh.from_pydata(_positions_in_order(photo_scene)[used].tolist(), [], [*four.tolist(), *three.tolist()])
    for colour in _COLOURS.values():
        mesh.materials.append(_paint(colour))
    flying = [(bits[faces] & FLYING != 0).any(axis=1) for faces in (quads, triangles)]
    mesh.polygons.foreach_set("material_index", np.where(np.concatenate(flying), 0, 1).astype(np.int32))
    shown = bpy.data.objects.new("Depth Flaws", mesh)
    shown[SHOWN] = True
    shown.parent = photo_scene.mesh
    shown.hide_render = True
    shown.hide_select = True
    shown.show_in_front = True
    photo_scene.mesh.users_collection[0].objects.link(shown)
    return shown


def hide_flaws(photo_scene: PhotoScene) -> None:
    """Remove the object that shows flaws, if there is one."""
    for shown in [child for child in photo_scene.mesh.children if SHOWN in child]:
        mesh = shown.data
        bpy.data.objects.remove(shown)
        bpy.data.meshes.remove(mesh)


def flaws_shown(photo_scene: PhotoScene) -> bool:
    """Whether flaws are shown."""
    return any(SHOWN in child for child in photo_scene.mesh.children)


def _grid_of(photo_scene: PhotoScene) -> Int32:
    """[rows, columns] the bits of every vertex at its pixel."""
    record = photo_scene.record
    known = np.isfinite(grid_depth(photo_scene.mesh.data, record.rows, record.columns))
    grid = np.zeros(known.shape, dtype=np.int32)
    grid[known] = _in_order(photo_scene)
    return grid


def _order(photo_scene: PhotoScene) -> Int32:
    """Vertices sorted by their pixel: an import's are, an edited mesh's need not be."""
    pixels = np.empty(photo_scene.vertices, dtype=np.int32)
    photo_scene.mesh.data.attributes[PIXEL].data.foreach_get("value", pixels)
    return np.argsort(pixels, kind="stable").astype(np.int32)


def _in_order(photo_scene: PhotoScene) -> Int32:
    return flaws(photo_scene.mesh.data)[_order(photo_scene)]


def _positions_in_order(photo_scene: PhotoScene) -> Float32:
    positions = np.empty(photo_scene.vertices * 3, dtype=np.float32)
    photo_scene.mesh.data.vertices.foreach_get("co", positions)
    return positions.reshape(-1, 3)[_order(photo_scene)]


def _paint(colour: tuple[float, float, float, float]) -> bpy.types.Material:
    """The colour as light in every way the viewport is shaded."""
    name = f"Depth Flaw {colour[1]:.2f}"
    material = bpy.data.materials.get(name)
    if material is not None:
        return material
    material = bpy.data.materials.new(name)
    material.diffuse_color = colour
    use_nodes(material)
    nodes = material.node_tree.nodes
    nodes.clear()
    emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = colour
    material.node_tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return material
