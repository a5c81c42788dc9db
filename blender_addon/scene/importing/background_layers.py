"""What an engine filled in behind and beside a photo, as ordinary meshes to paint on."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from ...core.arrays import Float32, Int32, UInt8
from ...core.errors import PhotoError
from ...core.payloads.background import BackgroundLayer
from ..axes import blender_points
from ..photo_scene import LAYER, LAYER_AS_MADE, PhotoScene, with_own_axes
from ..textured_mesh import textured_mesh
from .material import photo_material


def add_background(
    scene: bpy.types.Scene, photo_scene: PhotoScene, layers: Sequence[BackgroundLayer], name: str, factor: float
) -> list[bpy.types.Object]:
    """Put the layers into the scene, in a collection of their own; they are children of the photo's mesh.

    Each has its texture as an image that is packed in the .blend, and is unlit. None is rendered: what is painted on
    them is seen by previews (shot.preview_layers).

    Args:
        scene: The scene.
        photo_scene: The photo that they were made for.
        layers: In metres, in the frame of the photo's camera.
        name: Of the collection.
        factor: How many times as large the photo's scene is since.

    Raises:
        PhotoError: There are none.
    """
    if not layers:
        raise PhotoError(
            "The clip has no background", "the photo covers all of its frames", "There is nothing to paint."
        )
    with_own_axes(photo_scene)
    collection = bpy.data.collections.new(name)
    scene.collection.children.link(collection)
    made = []
    for layer in layers:
        points = blender_points(layer.vertices) * np.float32(factor)
        triangles = _facing_the_camera(points, layer.triangles)
        places = np.stack([layer.uv[:, 0], 1 - layer.uv[:, 1]], axis=1)[triangles]
        image = _packed_image(layer.name, layer.texture)
        mesh = textured_mesh(layer.name, points, triangles, places)
        material = photo_material(layer.name, image)
        material.use_backface_culling = False
        mesh.materials.append(material)
        subject = bpy.data.objects.new(layer.name, mesh)
        subject.parent = photo_scene.mesh
        subject.hide_render = True
        subject[LAYER] = photo_scene.record.imported_at
        subject[LAYER_AS_MADE] = _packed_image(f"{layer.name}, as made", layer.texture)
        collection.objects.link(subject)
        made.append(subject)
    return made


def _facing_the_camera(points: Float32, triangles: Int32) -> Int32:
    """The triangles, counter-clockwise seen from the origin: Blender paints on the front of faces alone."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    away = (np.cross(b - a, c - a) * a).sum(axis=1) > 0
    return np.where(away[:, None], triangles[:, ::-1], triangles).astype(np.int32)


def _packed_image(name: str, texture: UInt8) -> bpy.types.Image:
    """A new image of a texture [h, w, 3] uint8 sRGB, packed in the .blend."""
    height, width = texture.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=False)
    pixels = np.ones((height, width, 4), dtype=np.float32)
    pixels[..., :3] = texture[::-1].astype(np.float32) / 255
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    image.pack()
    return image
