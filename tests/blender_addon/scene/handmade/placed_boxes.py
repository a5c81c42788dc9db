"""A photo with a known depth, and boxes to place before its camera."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.payloads.import_request import DepthFile, ImportRequest, ImportSettings

if TYPE_CHECKING:
    import bpy

    from blender_addon.scene import PhotoScene

FAR = 20.0
"""Metres of the photo's depth, everywhere."""
SIZE = (64, 48)


def grey_photo(blender: ModuleType, folder: Path) -> PhotoScene:
    """A grey photo whose depth is FAR everywhere; its camera stands at the origin and looks along +Y."""
    from blender_addon.scene import import_photo

    Image.new("RGB", SIZE, (90, 90, 90)).save(folder / "grey.png")
    np.save(folder / "far.npy", np.full(SIZE[::-1], FAR, np.float32))
    settings = ImportSettings(intrinsics=intrinsics_matrix(60.0, 64.0, 31.0, 22.5).tolist())
    depth = DepthFile(folder / "far.npy", DepthFormat("metres"))
    return import_photo(blender.context.scene, ImportRequest(folder / "grey.png", depth, settings))


def add_box(
    blender: ModuleType, low: tuple[float, float, float], high: tuple[float, float, float], name: str = "Box"
) -> bpy.types.Object:
    """A unit cube scaled and moved, its scale not applied. In the world's axes: the photo looks along +Y, up is +Z."""
    mesh = blender.data.meshes.new(name)
    corners = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh.from_pydata(corners, [], faces)
    box = blender.data.objects.new(name, mesh)
    box.scale = np.subtract(high, low)
    box.location = np.add(low, high) / 2
    blender.context.scene.collection.objects.link(box)
    return box


def front(photo: PhotoScene, half: float, distance: float) -> np.ndarray:
    """[R, C] bool: where a square of that half side, straight ahead at that distance, is seen."""
    from blender_addon.scene.editing.new_depth import grid_rays

    ways = grid_rays(photo).directions()
    return np.asarray((np.abs(ways[..., 0]) * distance < half) & (np.abs(ways[..., 1]) * distance < half))
