"""PhotoScene: what an imported photo is in Blender, and how it is found again after renaming, saving and reopening."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

import bpy
import numpy as np

from ..core.arrays import Float32, Float64, UInt8
from ..core.errors import PhotoError
from .mesh import grid_depth, recut_mesh
from .photo_file import photo_pixels

RECORD = "realcam_photo"
"""Custom property of the mesh object: a Record as JSON."""
CAMERA, IMAGE = "realcam_camera", "realcam_image"
"""Custom properties of the mesh object: the reference camera and the photo, as pointers, so that names are free."""


@dataclass(frozen=True)
class Record:
    """What the .blend keeps of an import. intrinsics: row by row, pixels of the photo. rows, columns: depth grid.

    scale: true metres for each metre of the imported depth; the mesh has them in it already. cleaned: bits of the
    cleaning steps in force.
    """

    version: int
    imported_at: float
    photo_size: tuple[int, int]
    intrinsics: list[list[float]]
    focal_source: str
    rows: int
    columns: int
    stride: int
    depth_edge: float
    scale: float = 1.0
    cleaned: int = 0


@dataclass(frozen=True)
class PhotoScene:
    """An imported photo. Holds Blender pointers: use it at once and find it again later, never across undo or ticks.

    mesh: the depth mesh; its own axes are the reference camera's Blender axes, so its pose is that camera's pose.
    camera: the reference camera, None when the artist deleted it. image: the photo, at full resolution.
    """

    mesh: bpy.types.Object
    camera: bpy.types.Object | None
    image: bpy.types.Image
    record: Record

    @property
    def photo_size(self) -> tuple[int, int]:
        """(width, height) pixels."""
        return self.record.photo_size

    @property
    def intrinsics(self) -> Float64:
        """[3, 3] in the photo's pixels."""
        return np.array(self.record.intrinsics, dtype=np.float64)

    @property
    def focal_source(self) -> str:
        """Where the focal length came from, for the panel."""
        return self.record.focal_source

    @property
    def depth_edge(self) -> float:
        """The relative depth jump that the mesh is cut at now."""
        return self.record.depth_edge

    @property
    def vertices(self) -> int:
        """Vertices of the mesh."""
        return len(self.mesh.data.vertices)

    @property
    def faces(self) -> int:
        """Faces of the mesh."""
        return len(self.mesh.data.polygons)

    def photo(self) -> UInt8:
        """[H, W, 3] uint8 sRGB, the whole photo."""
        return photo_pixels(self.image)

    def depth(self) -> Float32:
        """[rows, columns] float32 metres along z at the mesh's resolution, NaN where unknown."""
        return grid_depth(self.mesh.data, self.record.rows, self.record.columns, self.record.cleaned)

    def subject_distance(self) -> float:
        """Metres to what stands in the middle of the photo: the median of the middle ninth, else of all."""
        depth = self.depth()
        rows, columns = (size // 3 for size in depth.shape)
        middle = depth[rows:-rows, columns:-columns] if rows and columns else depth
        return float(np.nanmedian(middle if np.isfinite(middle).any() else depth))


def store_record(mesh: bpy.types.Object, record: Record) -> None:
    """Write the record onto the mesh object."""
    mesh[RECORD] = json.dumps(asdict(record))


def find_photo_scene(scene: bpy.types.Scene, imported_at: float | None = None) -> PhotoScene | None:
    """The photo imported last among those in the scene, or the one imported at that time; None when there is none."""
    found = photo_meshes(scene)
    if imported_at is not None:
        found = [o for o in found if _record(o).imported_at == imported_at]
    if not found:
        return None
    mesh = max(found, key=lambda o: _record(o).imported_at)
    camera = mesh.get(CAMERA)
    present = isinstance(camera, bpy.types.Object) and scene.objects.get(camera.name) == camera
    return PhotoScene(mesh, camera if present else None, mesh[IMAGE], _record(mesh))


def photo_meshes(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The mesh of every photo in the scene."""
    return [o for o in scene.objects if o.type == "MESH" and RECORD in o and isinstance(o.get(IMAGE), bpy.types.Image)]


def set_depth_edge(photo_scene: PhotoScene, threshold: float) -> PhotoScene:
    """Cut the mesh at another relative depth jump. The photo scene as it is then.

    Raises PhotoError when the mesh is in Edit Mode or has lost what it was made of.
    """
    if not np.isfinite(threshold) or threshold <= 0:
        raise PhotoError("The depth edge is not a positive number", f"{threshold:g}")
    record = photo_scene.record
    recut_mesh(photo_scene.mesh.data, record.rows, record.columns, threshold, record.cleaned)
    changed = Record(**{**asdict(record), "depth_edge": float(threshold)})
    store_record(photo_scene.mesh, changed)
    return PhotoScene(photo_scene.mesh, photo_scene.camera, photo_scene.image, changed)


def _record(mesh: bpy.types.Object) -> Record:
    stored: dict[str, Any] = json.loads(mesh[RECORD])
    # A file of another version of the add-on may hold more.
    values = {field.name: stored[field.name] for field in fields(Record) if field.name in stored}
    return Record(**{**values, "photo_size": tuple(values["photo_size"])})
