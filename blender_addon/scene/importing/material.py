"""The photo on the mesh: unlit, and seen from the front only.

A photo shows nothing of a surface's back, so backs are not drawn; they would pass for something visible.
"""

from __future__ import annotations

import bpy

from ...blender_versions import use_nodes
from ..mesh import UV_MAP


def photo_material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """An emission material that shows the image at its UVs, its pixels unchanged under a Standard view transform."""
    material = bpy.data.materials.new(name)
    use_nodes(material)
    material.use_backface_culling = True
    nodes = material.node_tree.nodes
    nodes.clear()
    place = nodes.new("ShaderNodeUVMap")
    place.uv_map = UV_MAP
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    texture.extension = "EXTEND"
    emission = nodes.new("ShaderNodeEmission")
    output = nodes.new("ShaderNodeOutputMaterial")
    for column, node in enumerate((place, texture, emission, output)):
        node.location = (column * 300 - 600, 0)
    links = material.node_tree.links
    links.new(place.outputs["UV"], texture.inputs["Vector"])
    links.new(texture.outputs["Color"], emission.inputs["Color"])
    links.new(emission.outputs["Emission"], output.inputs["Surface"])
    # Solid view and Workbench show the active image node.
    nodes.active = texture
    return material
