"""The differences between Blender 4.5 LTS and 5.2 LTS, and nothing else: the only file that asks for the version."""

from __future__ import annotations

import bpy
from bpy_extras.anim_utils import action_get_channelbag_for_slot


def eevee() -> str:
    """The id of the Eevee render engine."""
    return "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"


def set_png(image_settings: bpy.types.ImageFormatSettings) -> None:
    """Set the image settings to PNG. From 5.0 the kind of file is chosen before its format."""
    if hasattr(image_settings, "media_type"):
        image_settings.media_type = "IMAGE"
    image_settings.file_format = "PNG"


def set_exr(image_settings: bpy.types.ImageFormatSettings) -> None:
    """Set the image settings to an uncompressed OpenEXR of 16 bits with alpha, its numbers those of the render."""
    if hasattr(image_settings, "media_type"):
        image_settings.media_type = "IMAGE"
    image_settings.file_format = "OPEN_EXR"
    image_settings.color_mode, image_settings.color_depth, image_settings.exr_codec = "RGBA", "16", "NONE"


def fcurves_of(owner: bpy.types.ID) -> list[bpy.types.FCurve]:
    """The F-curves that animate a datablock, if any. From 4.4 they are in the block's slot of a layered action."""
    animation = owner.animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return []
    bag = action_get_channelbag_for_slot(animation.action, animation.action_slot)
    return list(bag.fcurves) if bag is not None else []


def use_nodes(owner: bpy.types.Material | bpy.types.World) -> None:
    """Make sure that the material or world has a node tree. From 5.0 it always has; `use_nodes` is deprecated."""
    if bpy.app.version < (5, 0, 0):
        owner.use_nodes = True


def annotation_of(scene: bpy.types.Scene) -> bpy.types.ID | None:
    """The datablock of the scene's annotations and rulers, None when it has none. Named so from 5.0."""
    return scene.annotation if hasattr(scene, "annotation") else scene.grease_pencil


def draw_textbox(layout: bpy.types.UILayout, owner: bpy.types.bpy_struct, name: str, placeholder: str) -> None:
    """Draw a string property: as a text field of several lines where Blender has one (5.2), else of one.

    Args:
        layout: Where it is drawn.
        owner: What has the property.
        name: The property's name.
        placeholder: Shown while the string is empty.
    """
    if "textbox" in bpy.types.UILayout.bl_rna.functions:
        layout.textbox(owner, name, initial_visible_lines=3, placeholder=placeholder)
    else:
        layout.prop(owner, name, text="", placeholder=placeholder)


def strip_span(strip: bpy.types.Strip) -> tuple[int, int]:
    """The first scene frame that shows the strip, and the first frame after it. Renamed in 5.1."""
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def show_in_sequencer(workspace: bpy.types.WorkSpace, scene: bpy.types.Scene) -> None:
    """Make the sequencers of a workspace show a scene. Before 5.0 they show the scene of their window."""
    if hasattr(workspace, "sequencer_scene"):
        workspace.sequencer_scene = scene


def sequencer_scene(workspace: bpy.types.WorkSpace, otherwise: bpy.types.Scene) -> bpy.types.Scene | None:
    """The scene that a workspace's sequencers show, None while they show none.

    Args:
        workspace: The workspace.
        otherwise: What they show before 5.0: their window's scene.
    """
    return getattr(workspace, "sequencer_scene", otherwise)


_GROUPED_COMPOSITOR = bpy.app.version >= (5, 0, 0)
"""From 5.0 the compositor is a node group that scenes can share, with an output node like any group's."""


def compositor_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The node tree that composites the scene's render; None when none does. A node group from 5.0."""
    if _GROUPED_COMPOSITOR:
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def make_compositor_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """Give a scene without one an empty compositor tree. See `compositor_output` for its output."""
    if not _GROUPED_COMPOSITOR:
        scene.use_nodes = True
        return scene.node_tree
    tree = bpy.data.node_groups.new(f"{scene.name} Compositor", "CompositorNodeTree")
    scene.compositing_node_group = tree
    return tree


def drop_compositor_tree(scene: bpy.types.Scene) -> None:
    """Stop compositing the scene's render, as before `make_compositor_tree`.

    From 5.0 the node group is removed when nothing else uses it.
    """
    if not _GROUPED_COMPOSITOR:
        scene.use_nodes = False
        return
    tree = scene.compositing_node_group
    scene.compositing_node_group = None
    if tree is not None and tree.users == 0:
        bpy.data.node_groups.remove(tree)


def compositor_output(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """The socket that takes in the render's result; made if the tree has none. A group output's from 5.0."""
    if not _GROUPED_COMPOSITOR:
        nodes = [node for node in tree.nodes if node.type == "COMPOSITE"]
        return (nodes[0] if nodes else tree.nodes.new("CompositorNodeComposite")).inputs["Image"]
    outputs = [item for item in tree.interface.items_tree if item.item_type == "SOCKET" and item.in_out == "OUTPUT"]
    if not outputs:
        tree.interface.new_socket(name="Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    nodes = [node for node in tree.nodes if node.type == "GROUP_OUTPUT" and node.is_active_output]
    return (nodes[0] if nodes else tree.nodes.new("NodeGroupOutput")).inputs[0]


def set_scale_to_render(node: bpy.types.Node) -> None:
    """Make a compositor's Scale node fill the render's frame, keeping the picture's aspect. From 5.0 by its sockets."""
    if hasattr(node, "frame_method"):
        node.space, node.frame_method = "RENDER_SIZE", "CROP"
    else:
        node.inputs["Type"].default_value, node.inputs["Frame Type"].default_value = "Render Size", "Crop"


def alpha_over_sockets(node: bpy.types.Node) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """The (background, foreground) sockets of an Alpha Over node. From 5.0 they are named."""
    if "Background" in node.inputs:
        return node.inputs["Background"], node.inputs["Foreground"]
    return node.inputs[1], node.inputs[2]
