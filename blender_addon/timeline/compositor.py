"""A take under the render in the scene's compositor: the clip is the plate, the scene's objects lie over it."""

from __future__ import annotations

import bpy

from .. import blender_versions
from .clip_image import clip_image, remove_if_unused, set_timing
from .take import Take
from .view_transform import display_colourspace

USE = "compositor"
"""What an overlay's image is marked with; see clip_image."""

NODE_PROPERTY = "realcam_shot"
"""Custom property of our nodes: the shot they show."""

_TREE_PROPERTY = "realcam_made"
_COLUMN = 220.0


def set_compositor_overlay(scene: bpy.types.Scene, take: Take) -> bpy.types.Node:
    """Lay a take under the scene's render in its compositor.

    The clip shows where the render is transparent: with a transparent film, and the photo's mesh a holdout. Of several
    shots the newest lies right behind the render. Another take of the same shot changes the pictures and leaves the
    nodes as the artist wired them. The clip fills the frame as it was made for it (see FrameFit), at any resolution
    percentage.

    Returns:
        The Alpha Over node; its factor fades the render.

    Raises:
        TimelineError: The take's files are gone, or cannot be spread over the shot.
    """
    tree = blender_versions.compositor_tree(scene)
    shown = None if tree is None else _ours(tree, take.shot).get("CompositorNodeImage")
    image = clip_image(take, USE, display_colourspace(scene), None if shown is None else shown.image)
    if tree is None:
        tree = blender_versions.make_compositor_tree(scene)
        tree[_TREE_PROPERTY] = True
    nodes = _ours(tree, take.shot)
    over = nodes.get("CompositorNodeAlphaOver") or _add_overlay(scene, tree, take)
    _show(_ours(tree, take.shot)["CompositorNodeImage"], image, take)
    return over


def remove_compositor_overlay(scene: bpy.types.Scene, shot: str) -> None:
    """Remove our nodes of a shot and join what they stood between; a tree made for them is removed with the last."""
    tree = blender_versions.compositor_tree(scene)
    if tree is None:
        return
    nodes = _ours(tree, shot)
    if over := nodes.get("CompositorNodeAlphaOver"):
        _bypass(tree, over)
    image_node = nodes.get("CompositorNodeImage")
    image = image_node.image if image_node else None
    for node in [node for node in tree.nodes if node.get(NODE_PROPERTY) == shot]:
        tree.nodes.remove(node)
    if image is not None:
        remove_if_unused(image)
    if _TREE_PROPERTY in tree and not _in_use(tree):
        blender_versions.drop_compositor_tree(scene)


def _add_overlay(scene: bpy.types.Scene, tree: bpy.types.NodeTree, take: Take) -> bpy.types.Node:
    """Image -> (pixel aspect ->) Scale to the render -> Alpha Over, right behind the render."""
    output = _behind_what(tree)
    render = output.links[0].from_socket if output.is_linked else _render_layers(tree, scene).outputs["Image"]
    picture = _node(tree, "CompositorNodeImage", take.shot)
    last, column = picture, 1
    if take.pixel_aspect != 1.0:
        stretch = _node(tree, "CompositorNodeScale", take.shot)
        stretch.inputs["Y"].default_value = take.pixel_aspect
        tree.links.new(last.outputs["Image"], stretch.inputs["Image"])
        last, column = stretch, column + 1
    scale = _node(tree, "CompositorNodeScale", take.shot)
    blender_versions.set_scale_to_render(scale)
    tree.links.new(last.outputs["Image"], scale.inputs["Image"])
    over = _node(tree, "CompositorNodeAlphaOver", take.shot)
    background, foreground = blender_versions.alpha_over_sockets(over)
    tree.links.new(render, foreground)
    tree.links.new(scale.outputs["Image"], background)
    tree.links.new(over.outputs["Image"], output)
    x, y = output.node.location
    output.node.location.x += _COLUMN
    over.location = (x, y)
    for place, node in enumerate((scale, last, picture) if last is not picture else (scale, picture), start=1):
        node.location = (x - place * _COLUMN, y - _COLUMN)
    return over


def _behind_what(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """The socket that takes in the render: of the clip nearest to it, else of the tree's output."""
    output = blender_versions.compositor_output(tree)
    while output.is_linked:
        node = output.links[0].from_node
        if NODE_PROPERTY not in node or node.bl_idname != "CompositorNodeAlphaOver":
            break
        _, output = blender_versions.alpha_over_sockets(node)
    return output


def _show(node: bpy.types.Node, image: bpy.types.Image, take: Take) -> None:
    old, node.image = node.image, image
    if old is not None and old != image:
        remove_if_unused(old)
    node.label = take.label
    set_timing(node, take)


def _node(tree: bpy.types.NodeTree, kind: str, shot: str) -> bpy.types.Node:
    node = tree.nodes.new(kind)
    node.name = f"RealCam {shot}"
    node[NODE_PROPERTY] = shot
    return node


def _ours(tree: bpy.types.NodeTree, shot: str) -> dict[str, bpy.types.Node]:
    """Our nodes of a shot by their kind."""
    return {node.bl_idname: node for node in tree.nodes if node.get(NODE_PROPERTY) == shot}


def _bypass(tree: bpy.types.NodeTree, over: bpy.types.Node) -> None:
    _, foreground = blender_versions.alpha_over_sockets(over)
    if not foreground.is_linked:
        return
    source = foreground.links[0].from_socket
    for target in [link.to_socket for link in over.outputs["Image"].links]:
        tree.links.new(source, target)


def _render_layers(tree: bpy.types.NodeTree, scene: bpy.types.Scene) -> bpy.types.Node:
    layers = (node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers")
    node = next((node for node in layers if node.scene in (None, scene)), None)
    if node is None:
        node = tree.nodes.new("CompositorNodeRLayers")
        node.scene = scene
        node.location = (-2 * _COLUMN, 0)
    return node


def _in_use(tree: bpy.types.NodeTree) -> bool:
    """Whether a tree does anything but pass the render through."""
    passing = {
        "CompositorNodeRLayers",
        "CompositorNodeComposite",
        "CompositorNodeViewer",
        "NodeGroupOutput",
        "NodeReroute",
    }
    return any(node.bl_idname not in passing for node in tree.nodes)
