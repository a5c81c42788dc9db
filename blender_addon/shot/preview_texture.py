"""The photo as the preview's texture: no finer than the preview's pixels, and sampled the same by every GPU.

Hardware filters differ between drivers and preferences (anisotropic filtering on a software GPU blurs even where one
texel is one pixel), so the photo is averaged once to the preview's own resolution and then interpolated bilinearly.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..blender_versions import use_nodes
from ..core.arrays import Float32, Float64, UInt8
from ..core.camera.projection import unproject_pixels
from ..core.camera.trajectory import Trajectory
from ..scene.mesh import UV_MAP
from ..scene.photo_scene import PhotoScene

_NEAREST_SHARE = 95
"""Percentile of the magnification of the scene's points that the texture's resolution serves."""


def texture_scale(photo_scene: PhotoScene, depth: Float32, trajectory: Trajectory) -> float:
    """The resolution that the texture needs, as preview pixels for each of the photo's where the preview comes nearest.

    Args:
        photo_scene: The photo, for its lens.
        depth: [h, w] float32 metres of the photo's scene, NaN where unknown.
        trajectory: Relative to the photo's camera.

    Returns:
        Above 0, at most 1.
    """
    rows, columns = np.nonzero(np.isfinite(depth))
    some = slice(None, None, max(len(rows) // 2000, 1))
    rows, columns = rows[some], columns[some]
    width, height = photo_scene.photo_size
    focal = photo_scene.intrinsics[0, 0]
    z = depth[rows, columns].astype(np.float64)
    pixels = np.stack([(columns + 0.5) / depth.shape[1] * width, (rows + 0.5) / depth.shape[0] * height], axis=1)
    points = unproject_pixels(pixels, z, photo_scene.intrinsics).T
    seen = trajectory.world_to_camera[:, 2, :3] @ points + trajectory.world_to_camera[:, 2, 3:]
    with np.errstate(divide="ignore"):
        magnification = trajectory.intrinsics[:, 0, 0, None] / focal * np.where(seen > 0, z / seen, 0.0)
    return float(min(np.percentile(magnification, _NEAREST_SHARE, axis=1).max(), 1.0))


def averaged(picture: UInt8, width: int, height: int) -> UInt8:
    """The picture made smaller, every pixel the mean of the area it covers.

    Args:
        picture: [H, W, C] uint8.
        width: Pixels of the result, at most W.
        height: Pixels of the result, at most H.

    Returns:
        [height, width, C] uint8.
    """
    channels = []
    for channel in np.moveaxis(picture, 2, 0):
        rows = _averaged_rows(channel, height)
        channels.append(_averaged_rows(np.ascontiguousarray(rows.T), width).T)
    return np.clip(np.rint(np.stack(channels, axis=2)), 0, 255).astype(np.uint8)


def _averaged_rows(values: NDArray[Any], count: int) -> Float64:
    """[count, W] float64 means of values [H, W] over count equal bands, by differences of running sums."""
    length = len(values)
    if count >= length:
        return values.astype(np.float64)
    # Sums of whole numbers are exact in 32 bits, which halves the memory of a large photo.
    kind = np.uint32 if values.dtype == np.uint8 else np.float64
    sums = np.concatenate([np.zeros((1, values.shape[1]), kind), np.cumsum(values, axis=0, dtype=kind)])
    edges = np.linspace(0, length, count + 1)
    whole = np.minimum(edges.astype(np.int64), length - 1)
    at_edges = sums[whole].astype(np.float64) + (edges - whole)[:, None] * values[whole]
    return np.asarray(np.diff(at_edges, axis=0) / (length / count), dtype=np.float64)


def preview_image(
    name: str, photo_scene: PhotoScene, depth: Float32, trajectory: Trajectory, *, as_data: bool
) -> bpy.types.Image:
    """A new image of the photo at the resolution that the trajectory needs.

    Args:
        name: Of the image.
        photo_scene: The photo.
        depth: [h, w] float32 metres of the photo's scene.
        trajectory: Relative to the photo's camera.
        as_data: Whether its numbers are rendered without a colour space.

    Raises:
        PhotoError: The photo's file is gone.
    """
    photo = photo_scene.photo()
    scale = texture_scale(photo_scene, depth, trajectory)
    width, height = (max(round(side * scale), 1) for side in photo_scene.photo_size)
    small = averaged(photo, width, height)
    image = bpy.data.images.new(name, width, height, alpha=False, is_data=as_data)
    pixels = np.ones((height, width, 4), dtype=np.float32)
    pixels[..., :3] = small[::-1].astype(np.float32) / 255
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    return image


def bilinear_material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """A new material that shows the image unlit, from the front only.

    Nodes interpolate it from its four nearest texels.
    """
    material = bpy.data.materials.new(name)
    use_nodes(material)
    material.use_backface_culling = True
    tree = material.node_tree
    tree.nodes.clear()
    size = (image.size[0], image.size[1], 1.0)
    place = tree.nodes.new("ShaderNodeUVMap")
    place.uv_map = UV_MAP
    texel = _vector(tree, "SUBTRACT", _vector(tree, "MULTIPLY", place.outputs["UV"], size), (0.5, 0.5, 0.0))
    corner = _vector(tree, "ADD", _vector(tree, "FLOOR", texel), (0.5, 0.5, 0.0))
    weight = tree.nodes.new("ShaderNodeSeparateXYZ")
    tree.links.new(_vector(tree, "FRACTION", texel), weight.inputs[0])
    rows = []
    for up in (0.0, 1.0):
        taps = [_tap(tree, image, corner, (right, up, 0.0), size) for right in (0.0, 1.0)]
        rows.append(_mix(tree, weight.outputs["X"], *taps))
    emission = tree.nodes.new("ShaderNodeEmission")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(_mix(tree, weight.outputs["Y"], *rows), emission.inputs["Color"])
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return material


def _vector(
    tree: bpy.types.NodeTree,
    operation: str,
    left: bpy.types.NodeSocket,
    right: tuple[float, float, float] | None = None,
) -> bpy.types.NodeSocket:
    node = tree.nodes.new("ShaderNodeVectorMath")
    node.operation = operation
    tree.links.new(left, node.inputs[0])
    if right is not None:
        node.inputs[1].default_value = right
    return node.outputs["Vector"]


def _tap(
    tree: bpy.types.NodeTree,
    image: bpy.types.Image,
    corner: bpy.types.NodeSocket,
    offset: tuple[float, float, float],
    size: tuple[float, float, float],
) -> bpy.types.NodeSocket:
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image, node.interpolation, node.extension = image, "Closest", "EXTEND"
    tree.links.new(_vector(tree, "DIVIDE", _vector(tree, "ADD", corner, offset), size), node.inputs["Vector"])
    return node.outputs["Color"]


def _mix(
    tree: bpy.types.NodeTree, factor: bpy.types.NodeSocket, first: bpy.types.NodeSocket, second: bpy.types.NodeSocket
) -> bpy.types.NodeSocket:
    node = tree.nodes.new("ShaderNodeMix")
    node.data_type = "RGBA"
    sockets = {socket.identifier: socket for socket in (*node.inputs, *node.outputs)}
    tree.links.new(factor, sockets["Factor_Float"])
    tree.links.new(first, sockets["A_Color"])
    tree.links.new(second, sockets["B_Color"])
    return sockets["Result_Color"]
