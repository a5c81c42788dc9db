"""The objects of one photo's scene, built of a depth map."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import bpy
import numpy as np

from ...core.arrays import Float32, Float64
from ...core.depth.depth_facts import depth_facts
from ...core.depth.depth_mesh import DepthMesh, depth_mesh
from ...core.depth.photo_checks import check_aspect, check_depth, check_faces
from ...core.payloads.import_request import ImportSettings
from ..mesh import fill_mesh
from ..photo_file import PhotoFile
from ..photo_scene import CAMERA, CURRENT, IMAGE, PhotoScene, Record, store_record
from ..reference_camera import hang_camera, reference_camera
from ..units import units_of_a_metre
from .material import photo_material


@dataclass(frozen=True)
class NamedPhoto:
    """A photo that was read.

    Attributes:
        name: What its objects are called.
        file: The photo.
    """

    name: str
    file: PhotoFile


def scene_of_depth(
    scene: bpy.types.Scene,
    photo: NamedPhoto,
    depth: Float32,
    intrinsics: Float64,
    focal_source: str,
    settings: ImportSettings,
) -> PhotoScene:
    """Put a photo with its depth into the scene, in a collection of its own.

    Args:
        scene: The scene.
        photo: The photo.
        depth: [h, w] float32 metres along z, NaN where unknown, of the photo's aspect and any size.
        intrinsics: [3, 3] float64 in pixels of the photo.
        focal_source: Where its focal length came from, as the artist is told it.
        settings: How the scene shall be built.

    Raises:
        PhotoError: Photo and depth make no scene. Nothing is left behind then.
        CameraError: Blender has no camera with these intrinsics. Nothing is left behind then.
    """
    check_aspect(photo.file.size, (depth.shape[1], depth.shape[0]))
    check_depth(depth)
    built = depth_mesh(depth, intrinsics, photo.file.size, settings.depth_edge, settings.max_vertices)
    check_faces(built)
    units, far = units_of_a_metre(scene), float(np.nanmax(built.grid.depth))
    camera = reference_camera(f"{photo.name} camera", intrinsics, photo.file.size, far, units)
    mesh_object = _mesh_object(photo, built)
    mesh_object.scale = (units, units, units)
    hang_camera(mesh_object, camera)
    rows, columns = built.grid.depth.shape
    record = Record(
        version=1,
        imported_at=time.time(),
        photo_size=photo.file.size,
        intrinsics=intrinsics.tolist(),
        focal_source=focal_source,
        rows=rows,
        columns=columns,
        stride=built.grid.stride,
        depth_edge=settings.depth_edge,
        facts=depth_facts(built.grid.depth),
    )
    mesh_object[CAMERA], mesh_object[IMAGE] = camera, photo.file.image
    store_record(mesh_object, record)
    collection = bpy.data.collections.new(f"{photo.name} (RealCam)")
    scene.collection.children.link(collection)
    collection.objects.link(mesh_object)
    collection.objects.link(camera)
    scene[CURRENT] = record.imported_at
    if scene.camera is None:
        scene.camera = camera
    return PhotoScene(mesh_object, camera, photo.file.image, record)


def _mesh_object(photo: NamedPhoto, built: DepthMesh) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(photo.name)
    fill_mesh(mesh, built)
    mesh.materials.append(photo_material(photo.name, photo.file.image))
    mesh_object = bpy.data.objects.new(photo.name, mesh)
    # A Blender camera looks along its own -Z: turned up by 90 degrees it looks along +Y, level.
    mesh_object.rotation_euler = (math.pi / 2, 0.0, 0.0)
    return mesh_object
