"""What depth cleaning touches, shown in colours over the photo's mesh."""

from __future__ import annotations

import bpy
import numpy as np

from ...blender_versions import use_nodes
from ...core.arrays import Int32
from ...core.depth.cleaning.clean import FLYING, MOVED, OUTLIER, SKY
from ...core.depth.depth_mesh import cut_faces
from ...datablocks import named
from ..axes import depth_of
from ..mesh import read_vertices
from ..photo_scene import PhotoScene

SHOWN = "realcam_cleaning"
"""Custom property of the object that shows the colours."""

COLOURS = {
    FLYING: (1.0, 0.05, 0.0, 1.0),
    OUTLIER: (1.0, 0.75, 0.0, 1.0),
    MOVED: (0.05, 0.5, 0.9, 1.0),
    SKY: (0.6, 0.15, 0.85, 1.0),
}
"""RGBA of each step, linear. A face whose corners several steps touch has the colour of the first of them."""

_WHOLE = 10.0
"""Depth edge at which the overlay is cut: large, so that it keeps the faces between two surfaces."""


def show_cleaning(photo_scene: PhotoScene) -> bpy.types.Object:
    """An object over the mesh that shows, in each step's colour, what the steps of the cleaning touch or would touch.

    It is never rendered, and takes the place of an earlier one.
    """
    hide_cleaning(photo_scene)
    record, vertices = photo_scene.record, read_vertices(photo_scene.mesh.data)
    depth = np.full((record.rows, record.columns), np.nan, dtype=np.float32)
    depth.flat[vertices.pixels] = depth_of(vertices.positions)
    faces = [f[(vertices.cleaning_flags[f] != 0).any(axis=1)] for f in cut_faces(depth, _WHOLE)]
    kinds = np.concatenate([_kinds(vertices.cleaning_flags[f]) for f in faces])
    quads, triangles = faces
    used, corners = np.unique(np.concatenate([quads.ravel(), triangles.ravel()]), return_inverse=True)
    four, three = corners[: quads.size].reshape(-1, 4), corners[quads.size :].reshape(-1, 3)
    mesh = bpy.data.meshes.new("Depth Cleaning")
    mesh.from_pydata(vertices.positions[used].tolist(), [], [*four.tolist(), *three.tolist()])
    for bit in COLOURS:
        mesh.materials.append(_paint(bit))
    mesh.polygons.foreach_set("material_index", kinds)
    shown = bpy.data.objects.new("Depth Cleaning", mesh)
    shown[SHOWN] = True
    shown.parent = photo_scene.mesh
    shown.hide_render = True
    shown.hide_select = True
    shown.show_in_front = True
    photo_scene.mesh.users_collection[0].objects.link(shown)
    return shown


def hide_cleaning(photo_scene: PhotoScene) -> None:
    """Remove the object that shows the colours, if there is one."""
    for shown in [child for child in photo_scene.mesh.children if SHOWN in child]:
        mesh = shown.data
        bpy.data.objects.remove(shown)
        bpy.data.meshes.remove(mesh)


def cleaning_shown(photo_scene: PhotoScene) -> bool:
    """Whether the colours are shown."""
    return any(SHOWN in child for child in photo_scene.mesh.children)


def _kinds(cleaning_flags: Int32) -> Int32:
    """[F] int32 index into COLOURS of each face, from the bits [F, K] of its corners."""
    kinds = np.full(len(cleaning_flags), len(COLOURS) - 1, dtype=np.int32)
    for index, bit in reversed(list(enumerate(COLOURS))):
        kinds[(cleaning_flags & bit != 0).any(axis=1)] = index
    return kinds


def _paint(bit: int) -> bpy.types.Material:
    """A material that shows the step's colour in every shading mode of the viewport."""
    name = f"Depth Cleaning {bit}"
    material = named(bpy.data.materials, name, "")
    if material is not None:
        return material
    material = bpy.data.materials.new(name)
    material.diffuse_color = COLOURS[bit]
    use_nodes(material)
    nodes = material.node_tree.nodes
    nodes.clear()
    emission, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    emission.inputs["Color"].default_value = COLOURS[bit]
    material.node_tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return material
