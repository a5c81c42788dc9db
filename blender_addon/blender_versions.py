"""What differs between Blender 4.5 LTS and 5.2 LTS, and nothing else: the only file that asks for the version."""

from __future__ import annotations

import bpy
from bpy_extras.anim_utils import action_get_channelbag_for_slot


def eevee() -> str:
    """Eevee's engine id."""
    return "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"


def set_png(image_settings: bpy.types.ImageFormatSettings) -> None:
    """Let renders be saved as PNG. From 5.0 the kind of file is chosen before its format."""
    if hasattr(image_settings, "media_type"):
        image_settings.media_type = "IMAGE"
    image_settings.file_format = "PNG"


def fcurves_of(owner: bpy.types.ID) -> list[bpy.types.FCurve]:
    """The F-curves that animate this block. They live in the block's slot of a layered action from 4.4."""
    animation = owner.animation_data
    if animation is None or animation.action is None or animation.action_slot is None:
        return []
    bag = action_get_channelbag_for_slot(animation.action, animation.action_slot)
    return list(bag.fcurves) if bag is not None else []


def use_nodes(owner: bpy.types.Material | bpy.types.World) -> None:
    """Make sure that there is a node tree. From 5.0 there always is, and asking for it is deprecated."""
    if bpy.app.version < (5, 0, 0):
        owner.use_nodes = True


def annotation_of(scene: bpy.types.Scene) -> bpy.types.ID | None:
    """The block of the scene's annotations and rulers. Named so from 5.0."""
    return scene.annotation if hasattr(scene, "annotation") else scene.grease_pencil


def draw_textbox(layout: bpy.types.UILayout, owner: bpy.types.bpy_struct, name: str, placeholder: str) -> None:
    """A text of several lines where Blender has a field for it (5.2), else of one."""
    if "textbox" in bpy.types.UILayout.bl_rna.functions:
        layout.textbox(owner, name, initial_visible_lines=3, placeholder=placeholder)
    else:
        layout.prop(owner, name, text="", placeholder=placeholder)


def strip_span(strip: bpy.types.Strip) -> tuple[int, int]:
    """The first scene frame that shows the strip and the first one after it. Renamed in 5.1."""
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def show_in_sequencers(scene: bpy.types.Scene) -> None:
    """Let sequencers that show nothing yet show this scene. From 5.0 each workspace has a scene of its own for them."""
    for workspace in bpy.data.workspaces:
        if getattr(workspace, "sequencer_scene", scene) is None:
            workspace.sequencer_scene = scene


_GROUPED_COMPOSITOR = bpy.app.version >= (5, 0, 0)
"""From 5.0 the compositor is a node group that scenes can share, with an output node like any group's."""


def compositor_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The node tree that the scene's render goes through, if it goes through one. A group from 5.0."""
    if _GROUPED_COMPOSITOR:
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def make_compositor_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """Give a scene without one a compositor tree; what is drawn in it is for `compositor_output`."""
    if not _GROUPED_COMPOSITOR:
        scene.use_nodes = True
        return scene.node_tree
    tree = bpy.data.node_groups.new(f"{scene.name} Compositor", "CompositorNodeTree")
    scene.compositing_node_group = tree
    return tree


def drop_compositor_tree(scene: bpy.types.Scene) -> None:
    """Let the scene's render go past its compositor tree, as before `make_compositor_tree`."""
    if not _GROUPED_COMPOSITOR:
        scene.use_nodes = False
        return
    tree = scene.compositing_node_group
    scene.compositing_node_group = None
    if tree is not None and tree.users == 0:
        bpy.data.node_groups.remove(tree)


def compositor_output(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """The socket whose picture is the render's result; made if the tree has none. A group output from 5.0."""
    if not _GROUPED_COMPOSITOR:
        nodes = [node for node in tree.nodes if node.type == "COMPOSITE"]
        return (nodes[0] if nodes else tree.nodes.new("CompositorNodeComposite")).inputs["Image"]
    outputs = [item for item in tree.interface.items_tree if item.item_type == "SOCKET" and item.in_out == "OUTPUT"]
    if not outputs:
        tree.interface.new_socket(name="Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    nodes = [node for node in tree.nodes if node.type == "GROUP_OUTPUT" and node.is_active_output]
    return (nodes[0] if nodes else tree.nodes.new("NodeGroupOutput")).inputs[0]


def set_scale_to_render(node: bpy.types.Node) -> None:
    """Let a compositor's Scale node fill the render's frame, keeping the picture's aspect. Sockets from 5.0."""
    if hasattr(node, "frame_method"):
        node.space, node.frame_method = "RENDER_SIZE", "CROP"
    else:
        node.inputs["Type"].default_value, node.inputs["Frame Type"].default_value = "Render Size", "Crop"


def alpha_over_sockets(node: bpy.types.Node) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """(background, foreground) of an Alpha Over node. Named from 5.0."""
    if "Background" in node.inputs:
        return node.inputs["Background"], node.inputs["Foreground"]
    return node.inputs[1], node.inputs[2]
