"""Photo and depth become a scene an artist can put a camera into. No operators: any mode and context will do."""

from __future__ import annotations

import math
from dataclasses import replace

import bpy
import numpy as np

from ...core.arrays import Float32
from ...core.depth.cleaning.clean import DENSE
from ...core.depth.cleaning.upsample import guided_upsample, shrunk
from ...core.depth.depth_mesh import known_depth
from ...core.depth.depth_numbers import numbers_read
from ...core.errors import RealCamError
from ...core.payloads.import_request import DepthFile, ImportRequest, ImportSettings
from ...core.printable import printable
from ..photo_file import PhotoFile, photo_pixels, read_photo
from ..photo_scene import PhotoScene, store_record
from .depth_file import read_depth
from .estimated_depth import scene_of_estimate
from .photo_objects import NamedPhoto, scene_of_depth

COARSER = 2.0
"""A photo with more than this many times the depth's pixels gives the depth sharper edges than its own."""


def import_photo(scene: bpy.types.Scene, request: ImportRequest) -> PhotoScene:
    """Put the photo into a collection of its own in the scene: metric mesh, unlit photo, reference camera.

    The reference camera stands at the world's origin, level, looking along +Y. It is a child of the mesh: moving the
    mesh moves both.

    Args:
        scene: The scene.
        request: The photo, its depth, and how the scene shall be built.

    Raises:
        PhotoError: Photo and depth make no scene; DepthQuestionError when it is not certain what the depth's numbers
            mean. Nothing is left behind then.
        CameraError: Blender has no camera with these intrinsics. Nothing is left behind then.
    """
    photo = NamedPhoto(printable(request.photo.stem), read_photo(request.photo))
    try:
        if isinstance(request.depth, DepthFile):
            return _scene_of_file(scene, photo, request.depth, request.settings)
        return scene_of_estimate(scene, photo, request.depth, request.settings)
    except RealCamError:
        bpy.data.images.remove(photo.file.image)
        raise


def _scene_of_file(scene: bpy.types.Scene, photo: NamedPhoto, file: DepthFile, settings: ImportSettings) -> PhotoScene:
    depth = read_depth(file.path, file.format, trust_unit=settings.trust_scale)
    stored = (file.path, (depth.shape[1], depth.shape[0]))
    if settings.to_photo:
        depth = _at_photos_size(depth, photo.file, settings.max_vertices)
    lens = settings.lens(photo.file.size, photo.file.focal_35mm, stored)
    built = scene_of_depth(scene, photo, depth, lens.intrinsics, lens.words, settings)
    record = replace(built.record, numbers=numbers_read(file.format))
    store_record(built.mesh, record)
    return replace(built, record=record)


def _at_photos_size(depth: Float32, photo: PhotoFile, max_pixels: int) -> Float32:
    """Depth of far fewer pixels than the photo (a phone's LiDAR), upsampled with edges where the photo has them."""
    width, height = photo.size
    shrink = min(1.0, math.sqrt(max_pixels / (width * height)))
    size = (max(round(width * shrink), 2), max(round(height * shrink), 2))
    known = known_depth(depth)
    if known.size * COARSER > size[0] * size[1] or np.isfinite(known).mean() < DENSE:
        return depth
    return guided_upsample(known, shrunk(photo_pixels(photo.image), size))
