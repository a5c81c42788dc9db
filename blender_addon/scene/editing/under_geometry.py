"""What placed geometry took the place of: the photo's depth underneath, kept so that the geometry can be taken anew."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np

from ...core.arrays import Bool, Float32, Float64
from ..mesh import PIXEL
from ..photo_scene import PhotoScene

UNDER = "realcam_under_geometry"
"""Custom property of the mesh object: a mesh with a point for each pixel whose depth geometry took the place of, and as
attributes its PIXEL and DEPTH; its custom property GRID is the (rows, columns) that the pixels count.
"""
GRID = "grid"
DEPTH = "depth"
"""Attribute of those points: the depth before, in metres of the imported depth; 0 where it was unknown."""


def forget_under_geometry(mesh: bpy.types.Object) -> None:
    """Forget what geometry took the place of: the photo's depth was made in another way since.

    Args:
        mesh: The photo's mesh object.
    """
    under = mesh.get(UNDER)
    if under is None:
        return
    del mesh[UNDER]
    if under.users == 0:
        bpy.data.meshes.remove(under)


def map_under_geometry(mesh: bpy.types.Object, calibrated: Callable[[Float32], Float64]) -> None:
    """Calibrate what geometry took the place of, with the photo's depth.

    Args:
        mesh: The photo's mesh object.
        calibrated: Metres of the imported depth to the metres that they are from now on.
    """
    under = mesh.get(UNDER)
    if not isinstance(under, bpy.types.Mesh):
        return
    if under.users > 1:
        # A duplicate of the photo's mesh keeps it too.
        mesh[UNDER] = under = under.copy()
    depth = np.empty(len(under.vertices), np.float32)
    under.attributes[DEPTH].data.foreach_get("value", depth)
    known = depth > 0
    depth[known] = calibrated(depth[known])
    under.attributes[DEPTH].data.foreach_set("value", depth)


def keep_under_geometry(photo_scene: PhotoScene, base: Float32, replaced: Bool) -> None:
    """Keep the depth [R, C] of the pixels `replaced`."""
    forget_under_geometry(photo_scene.mesh)
    pixels = np.flatnonzero(replaced).astype(np.int32)
    under = bpy.data.meshes.new(f"{photo_scene.mesh.name} under geometry")
    under.vertices.add(len(pixels))
    under.attributes.new(PIXEL, "INT", "POINT").data.foreach_set("value", pixels)
    depth = np.nan_to_num(base.ravel()[pixels] / np.float32(photo_scene.record.scale), nan=0.0)
    under.attributes.new(DEPTH, "FLOAT", "POINT").data.foreach_set("value", depth.astype(np.float32))
    under[GRID] = replaced.shape
    photo_scene.mesh[UNDER] = under


def depth_under_geometry(photo_scene: PhotoScene, now: Float32) -> Float32:
    """The photo's depth [R, C] as it is now, but for what geometry gave it: there, what it was before."""
    under = photo_scene.mesh.get(UNDER)
    if not isinstance(under, bpy.types.Mesh) or tuple(under[GRID]) != now.shape:
        # None, or another tool has given the photo another grid since, and so another depth.
        return now
    pixels, depth = np.empty(len(under.vertices), np.int32), np.empty(len(under.vertices), np.float32)
    under.attributes[PIXEL].data.foreach_get("value", pixels)
    under.attributes[DEPTH].data.foreach_get("value", depth)
    result = now.copy()
    result.flat[pixels] = np.where(depth > 0, depth * np.float32(photo_scene.record.scale), np.float32(np.nan))
    return result
