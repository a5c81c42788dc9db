"""What an artist painted on the background layers of a photo: previews see it, as something known.

The draft's own colours on them are guesses, which an engine shall not take for the photo's: a texel counts when it is
another one than it was made. Another picture of another size in the place of a layer's texture counts whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..core.arrays import Bool, Float32, Int32
from ..scene.mesh import UV_MAP, positions_of
from ..scene.photo_file import image_floats
from ..scene.photo_scene import LAYER, LAYER_AS_MADE, PhotoScene

PAINTED = 1.5 / 255
"""A channel that differs by more than this was painted."""

BEHIND = 1.002
"""How much farther from the photo's camera layers are drawn: they continue its surfaces, and the photo goes before."""


@dataclass(frozen=True, eq=False)
class PaintedLayer:
    """The painted part of a layer, in the axes of the photo's mesh.

    Attributes:
        points: [N, 3] float32 metres, BEHIND where the layer stands.
        triangles: [T, 3] int32, those whose three corners are painted.
        places: [T, 3, 2] float32 of their corners in the image, (0, 0) its bottom-left corner.
        image: The artist's.
    """

    points: Float32
    triangles: Int32
    places: Float32
    image: bpy.types.Image


def seen_layers(photo_scene: PhotoScene) -> list[bpy.types.Object]:
    """The photo's background layers that are not hidden in every view."""
    return [o for o in photo_scene.mesh.children if LAYER in o and o.type == "MESH" and _is_shown(o)]


def painted_layers(photo_scene: PhotoScene) -> list[PaintedLayer]:
    """The painted parts of the photo's visible background layers."""
    into = photo_scene.world.inverted_safe()
    found = []
    for subject in seen_layers(photo_scene):
        image = layer_image(subject)
        uv = subject.data.uv_layers.get(UV_MAP)
        if image is None or uv is None or _unreadable(subject):
            continue
        places = np.empty(2 * len(uv.uv), np.float32)
        uv.uv.foreach_get("vector", places)
        corners, triangles = _triangles(subject.data)
        painted = _painted_at(places.reshape(-1, 2), image, subject.get(LAYER_AS_MADE))[corners].all(axis=1)
        if painted.any():
            matrix = np.array(into @ subject.matrix_world, dtype=np.float32)
            points = (positions_of(subject.data) @ matrix[:3, :3].T + matrix[:3, 3]) * np.float32(BEHIND)
            found.append(PaintedLayer(points, triangles[painted], places.reshape(-1, 2)[corners[painted]], image))
    return found


def layers_left_out(photo_scene: PhotoScene) -> list[str]:
    """A sentence for each visible background layer on which a preview cannot see what is painted. Reads its image."""
    found = ((subject.name, _unreadable(subject)) for subject in seen_layers(photo_scene))
    return [
        f"What is painted on {name} is not in the preview: {why}. To leave it out, hide it (H)."
        for name, why in found
        if why
    ]


def _unreadable(subject: bpy.types.Object) -> str:
    """Why it cannot be read what is painted on a layer, "" where it can."""
    image = layer_image(subject)
    if subject.data.is_editmode:
        return "it is in Edit Mode, leave that (Tab)"
    if image is None:
        return "its material shows no image, give it one"
    if not image.size[0]:
        return f"its image {image.name} cannot be read, bring back {image.filepath or 'its file'}"
    if UV_MAP not in subject.data.uv_layers:
        return f"it has no UV map {UV_MAP}, name its UV map so"
    return ""


def layer_image(subject: bpy.types.Object) -> bpy.types.Image | None:
    """The image that the layer's first material shows: its active image node's, else its first one's."""
    material = subject.active_material
    if material is None or material.node_tree is None:
        return None
    nodes = material.node_tree.nodes
    for node in [node for node in (nodes.active, *nodes) if node is not None]:
        if node.type == "TEX_IMAGE" and node.image is not None:
            return node.image
    return None


def _is_shown(subject: bpy.types.Object) -> bool:
    layers = [layer for scene in subject.users_scene for layer in scene.view_layers]
    return any(o == subject and not subject.hide_get(view_layer=layer) for layer in layers for o in layer.objects)


def _painted_at(places: Float32, image: bpy.types.Image, as_made: bpy.types.Image | None) -> Bool:
    """[n] bool, whether the texel at each place [n, 2] is another one than it was made."""
    width, height = image.size
    if not isinstance(as_made, bpy.types.Image) or tuple(as_made.size) != (width, height):
        return np.ones(len(places), dtype=np.bool_)
    now, made = image_floats(image)[..., :3], image_floats(as_made)[..., :3]
    painted = (np.abs(now - made) > PAINTED).any(axis=-1)
    column = np.clip((places[:, 0] * width).astype(np.int64), 0, width - 1)
    row = np.clip(((1 - places[:, 1]) * height).astype(np.int64), 0, height - 1)
    return np.asarray(painted[row, column])


def _triangles(mesh: bpy.types.Mesh) -> tuple[Int32, Int32]:
    """[T, 3] int32 corners (loops) and [T, 3] int32 vertices of a mesh's triangles."""
    mesh.calc_loop_triangles()
    loops, vertices = (np.empty(3 * len(mesh.loop_triangles), dtype=np.int32) for _ in range(2))
    mesh.loop_triangles.foreach_get("loops", loops)
    mesh.loop_triangles.foreach_get("vertices", vertices)
    return loops.reshape(-1, 3), vertices.reshape(-1, 3)
