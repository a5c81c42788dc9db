"""Photo and depth to a scene an artist can put a camera into. No operators: it works in any mode and any context."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ...core.arrays import Float32, Float64
from ...core.camera.focal_length import PhotoLens, photo_lens
from ...core.depth.cleaning.clean import DENSE
from ...core.depth.cleaning.upsample import guided_upsample, shrunk
from ...core.depth.depth_file import DepthFormat
from ...core.depth.depth_mesh import DEPTH_EDGE, MAX_VERTICES, DepthMesh, depth_mesh, known_depth
from ...core.depth.photo_checks import check_aspect, check_depth
from ...core.errors import RealCamError
from ..mesh import fill_mesh
from ..photo_file import PhotoFile, photo_pixels, read_photo
from ..photo_scene import CAMERA, IMAGE, PhotoScene, Record, store_record
from ..reference_camera import reference_camera
from .depth_file import read_depth
from .material import photo_material

COARSER = 2.0
"""How many times as many pixels the photo must have for its edges to say more than the depth's own."""


@dataclass(frozen=True)
class PhotoImport:
    """What the artist chose. intrinsics: [3, 3] pixels of the photo, of a calibrated camera; focal_mm: 35 mm
    equivalent, typed. Either goes before what the photo's EXIF tells, see core.camera.focal_length.

    trust_scale: the depth is in metres, however it looks.
    to_photo: depth much coarser than the photo is brought to its size, or as many pixels as there may be vertices.
    """

    photo: Path
    depth: Path
    depth_format: DepthFormat = field(default_factory=DepthFormat)
    focal_mm: float | None = None
    intrinsics: Float64 | None = None
    depth_edge: float = DEPTH_EDGE
    max_vertices: int = MAX_VERTICES
    trust_scale: bool = False
    to_photo: bool = True


def import_photo(scene: bpy.types.Scene, request: PhotoImport) -> PhotoScene:
    """Put the photo into a collection of its own in the scene: metric mesh, unlit photo, reference camera.

    The reference camera stands at the world's origin, level, looking along +Y. It is a child of the mesh: moving the
    mesh moves both.
    Raises PhotoError (DoubtfulScaleError when the depth's unit is doubtful), and then leaves nothing behind.
    """
    photo = read_photo(request.photo)
    try:
        depth = read_depth(request.depth, request.depth_format)
        if request.to_photo:
            depth = _at_photos_size(depth, photo, request.max_vertices)
        return scene_of_photo(scene, photo, depth, request)
    except RealCamError:
        bpy.data.images.remove(photo.image)
        raise


def _at_photos_size(depth: Float32, photo: PhotoFile, max_pixels: int) -> Float32:
    """Depth of far fewer pixels than the photo (a phone's LiDAR), with edges where the photo has them."""
    width, height = photo.size
    shrink = min(1.0, math.sqrt(max_pixels / (width * height)))
    size = (max(round(width * shrink), 2), max(round(height * shrink), 2))
    known = known_depth(depth)
    if known.size * COARSER > size[0] * size[1] or np.isfinite(known).mean() < DENSE:
        return depth
    return guided_upsample(known, shrunk(photo_pixels(photo.image), size))


def scene_of_photo(scene: bpy.types.Scene, photo: PhotoFile, depth: Float32, request: PhotoImport) -> PhotoScene:
    """The same from depth [h, w] (float32 metres, NaN unknown) that is at hand already; request.depth is not read."""
    check_aspect(photo.size, (depth.shape[1], depth.shape[0]))
    check_depth(depth, trust_scale=request.trust_scale)
    lens = photo_lens(photo.size, intrinsics=request.intrinsics, focal_mm=request.focal_mm, exif_mm=photo.focal_35mm)
    built = depth_mesh(depth, lens.intrinsics, photo.size, request.depth_edge, request.max_vertices)
    return _place(scene, photo, lens, built, request)


def _place(
    scene: bpy.types.Scene, photo: PhotoFile, lens: PhotoLens, built: DepthMesh, request: PhotoImport
) -> PhotoScene:
    name = request.photo.stem
    mesh = bpy.data.meshes.new(name)
    fill_mesh(mesh, built)
    mesh.materials.append(photo_material(name, photo.image))
    mesh_object = bpy.data.objects.new(name, mesh)
    # A Blender camera looks along its own -Z: turned up by 90 degrees it looks along +Y, level.
    mesh_object.rotation_euler = (math.pi / 2, 0.0, 0.0)
    camera = reference_camera(f"{name} camera", lens.intrinsics, photo.size, float(np.nanmax(built.grid.depth)))
    camera.parent = mesh_object
    for lock in ("lock_location", "lock_rotation", "lock_scale"):
        setattr(camera, lock, (True, True, True))
    rows, columns = built.grid.depth.shape
    record = Record(
        version=1,
        imported_at=time.time(),
        photo_size=photo.size,
        intrinsics=lens.intrinsics.tolist(),
        focal_source=lens.words,
        rows=rows,
        columns=columns,
        stride=built.grid.stride,
        depth_edge=request.depth_edge,
    )
    mesh_object[CAMERA], mesh_object[IMAGE] = camera, photo.image
    store_record(mesh_object, record)
    collection = bpy.data.collections.new(f"{name} (RealCam)")
    scene.collection.children.link(collection)
    collection.objects.link(mesh_object)
    collection.objects.link(camera)
    if scene.camera is None:
        scene.camera = camera
    return PhotoScene(mesh_object, camera, photo.image, record)
