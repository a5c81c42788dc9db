"""The photo's mesh as a preview shows it: its own, or a copy where the artist's edits would show another picture."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Bool, Float32, Int32
from ..scene.mesh import PICTURE, PIXEL, UV_MAP
from ..scene.photo_scene import PhotoScene

LOOKS = 256
"""How many faces are looked at for the side that they show."""


def preview_mesh(photo_scene: PhotoScene) -> bpy.types.Mesh:
    """The mesh to render: the photo's own where it will do, else a new one.

    Faces show the places of the photo that their vertices were made for, whatever became of the UV map (unwrapped,
    renamed, deleted), and their front to its camera, whatever became of their normals. Slots belong to the mesh, what
    they hold to an object: a mesh without slots is copied, to get one. In Edit Mode it is the mesh as it was before.
    """
    own = photo_scene.mesh.data
    data = own.copy() if own.is_editmode else own
    picture = _vertex_values(data, PICTURE, "vector", 2, np.float32)
    places, turned = _other_places(data, picture), _is_turned_away(photo_scene, data)
    if data == own and (places is not None or turned or not data.materials):
        data = own.copy()
    if places is not None:
        uv = data.uv_layers.get(UV_MAP) or data.uv_layers.new(name=UV_MAP, do_init=False)
        uv.uv.foreach_set("vector", places.ravel())
        uv.active = uv.active_render = True
    if turned:
        data.flip_normals()
    if not data.materials:
        data.materials.append(None)
    return data


def _other_places(data: bpy.types.Mesh, picture: NDArray[Any] | None) -> Float32 | None:
    """[L, 2] where the photo's pixels are, for each corner; None where the UV map has them already, or none are known.

    Corners of vertices that were joined to the mesh keep theirs.
    """
    if picture is None or not len(data.loops):
        return None
    corners: Int32 = np.empty(len(data.loops), dtype=np.int32)
    data.attributes[".corner_vert"].data.foreach_get("value", corners)
    wanted = picture.reshape(-1, 2)[corners]
    uv = data.uv_layers.get(UV_MAP)
    if uv is None:
        return np.ascontiguousarray(wanted, dtype=np.float32)
    now = np.empty(2 * len(data.loops), dtype=np.float32)
    uv.uv.foreach_get("vector", now)
    now = now.reshape(-1, 2)
    pixels = _vertex_values(data, PIXEL, "value", 1, np.int32)
    own: Bool = (wanted != 0).any(axis=1) | (np.zeros(len(corners), bool) if pixels is None else pixels[corners] != 0)
    if np.abs(now - wanted)[own].max(initial=0.0) < 1e-4 and uv.active_render:
        return None
    return np.ascontiguousarray(np.where(own[:, None], wanted, now), dtype=np.float32)


def _is_turned_away(photo_scene: PhotoScene, data: bpy.types.Mesh) -> bool:
    """Whether most faces show the photo's camera their backs, which are not drawn."""
    eye = photo_scene.frame.translation
    some = np.unique(np.linspace(0, len(data.polygons) - 1, LOOKS).astype(int)).tolist() if data.polygons else []
    away = [(data.polygons[i].center - eye).dot(data.polygons[i].normal) > 0 for i in some]
    return bool(sum(away) > len(away) / 2)


def _vertex_values(data: bpy.types.Mesh, name: str, field: str, width: int, dtype: type) -> NDArray[Any] | None:
    attribute = data.attributes.get(name)
    if attribute is None or attribute.domain != "POINT":
        return None
    values: NDArray[Any] = np.empty(width * len(data.vertices), dtype=dtype)
    attribute.data.foreach_get(field, values)
    return values
