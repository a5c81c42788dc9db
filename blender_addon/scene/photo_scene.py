"""PhotoScene: what an imported photo is in Blender, and how it is found again after renaming, saving and reopening."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import bpy
import msgspec
import numpy as np
from mathutils import Matrix

from ..core.arrays import Float32, Float64, UInt8
from ..core.depth.calibration.depth_law import DepthLaw, Numbers
from ..core.depth.depth_facts import DepthFacts
from ..core.errors import PhotoError
from ..datablocks import holds
from .mesh import GridVertices, grid_depth, own_vertices, recut_mesh
from .photo_file import photo_pixels
from .photo_frame import check_editable, photo_frame, restore_axes
from .simplified_mesh import depth_of_faces, is_simplified

RECORD = "realcam_photo"
"""Custom property of the mesh object: a Record as JSON."""
CAMERA, IMAGE = "realcam_camera", "realcam_image"
"""Custom properties of the mesh object: the reference camera and the photo, as pointers, so that names are free."""

LAYER = "realcam_layer"
"""Custom property of an object that shows what an engine filled in behind a photo: `imported_at` of the photo."""
LAYER_AS_MADE = "realcam_layer_as_made"
"""Custom property of such an object: its texture before anyone painted on it, an image as a pointer."""

CURRENT = "realcam_current_photo"
"""Custom property of a scene with several photos: `imported_at` of the one that is worked on."""


@dataclass(frozen=True)
class Record:
    """What the .blend keeps of an import.

    Attributes:
        version: Of this record's form.
        imported_at: Seconds since 1970; tells the photos of a scene apart.
        photo_size: (width, height) in pixels.
        intrinsics: [3, 3] row by row, in the photo's pixels.
        focal_source: Where the focal length came from, as the panel says it.
        rows: Of the depth grid.
        columns: Of the depth grid.
        stride: Pixels of the imported depth from one grid point to the next.
        depth_edge: Relative jump of depth above which two neighbouring pixels are different surfaces.
        scale: True metres for each metre of the imported depth; the mesh has them in it already.
        cleaned: Bits of the cleaning steps in force.
        facts: How far the imported depth reaches with these steps in force, before `scale`; None in files of version
            0.1.
        numbers: What the imported depth was before it was read as metres: metres, or relative depth by a guess.
        law: The imported depth to metres, before `scale`, where the depth was calibrated; None where it is as imported.
        calibrated_scale: How much farther from the photo's camera than `scale` says calibrations put the artist's
            cameras.
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
    facts: DepthFacts | None = None
    numbers: Numbers = "metric"
    law: DepthLaw | None = None
    calibrated_scale: float = 1.0

    @property
    def shot_scale(self) -> float:
        """How much farther from the photo's camera the artist's cameras stand than if the depth were as imported."""
        return self.scale * self.calibrated_scale

    @property
    def guessed(self) -> bool:
        """Whether the scene's metres are a guess: relative depth that was not calibrated."""
        return self.numbers != "metric" and self.law is None


@dataclass(frozen=True)
class PhotoScene:
    """An imported photo.

    Holds Blender pointers: use it at once and find it again later, never across undo or timer calls.

    Attributes:
        mesh: The depth mesh. Its own axes are the reference camera's Blender axes, so its pose is that camera's pose,
            unless the artist gave it others (see `frame`).
        camera: The reference camera, None when the artist deleted it.
        image: The photo, at full resolution.
        record: What the .blend keeps of the import.
    """

    mesh: bpy.types.Object
    camera: bpy.types.Object | None
    image: bpy.types.Image
    record: Record

    @property
    def photo_size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.record.photo_size

    @property
    def intrinsics(self) -> Float64:
        """[3, 3] float64 in the photo's pixels."""
        return np.array(self.record.intrinsics, dtype=np.float64)

    @property
    def frame(self) -> Matrix:
        """Where the photo's camera stands in the mesh's own axes: the identity, unless the artist changed these."""
        return photo_frame(self.mesh, self.camera, self.intrinsics, self.photo_size)

    @property
    def world(self) -> Matrix:
        """The pose of the photo's camera in the world, its scale the world units for each metre of the photo's scene.

        That of the last evaluation: in a scene that no window shows, only evaluated objects have one.
        """
        return self.mesh.matrix_world @ self.frame

    @property
    def focal_source(self) -> str:
        """Where the focal length came from, for the panel."""
        return self.record.focal_source

    @property
    def depth_edge(self) -> float:
        """The relative depth jump that the mesh is cut at now."""
        return self.record.depth_edge

    @property
    def facts(self) -> DepthFacts | None:
        """How far the scene reaches now, in metres; None when the file does not say, or nothing has depth."""
        facts = self.record.facts
        return None if facts is None else facts.times(self.record.scale)

    @property
    def summary(self) -> str:
        """What an artist is told once the photo is a scene."""
        facts = self.facts
        reach = f"{self.vertices:,} vertices" if facts is None else facts.words
        return f"{reach}; focal length: {self.focal_source}"

    @property
    def vertices(self) -> int:
        """How many vertices the mesh has."""
        return len(self.mesh.data.vertices)

    @property
    def faces(self) -> int:
        """How many faces the mesh has."""
        return len(self.mesh.data.polygons)

    def photo(self) -> UInt8:
        """[H, W, 3] uint8 sRGB, the whole photo.

        Raises:
            PhotoError: The photo's file is gone, or another picture stands in its place.
        """
        pixels = photo_pixels(self.image)
        (width, height), (now_width, now_height) = self.photo_size, pixels.shape[1::-1]
        if (width, height) != (now_width, now_height):
            raise PhotoError(
                "The photo is another picture now",
                f"{self.image.name} had {width} x {height} pixels when imported and has {now_width} x {now_height}",
                f"Put the photo back as {bpy.path.abspath(self.image.filepath)}, or import the other picture.",
            )
        return pixels

    def depth(self) -> Float32:
        """[rows, columns] float32 metres along z at the mesh's resolution, NaN where unknown.

        Raises:
            PhotoError: The mesh has lost what it was made of.
        """
        into_camera = np.linalg.inv(np.array(self.frame, dtype=np.float64))
        record, mesh = self.record, self.mesh.data
        depth = grid_depth(mesh, record.rows, record.columns, record.cleaned, into_camera)
        if mesh.is_editmode or not is_simplified(mesh, record.rows, record.columns):
            return depth
        return depth_of_faces(mesh, depth, into_camera, self.intrinsics, self.photo_size)

    def subject_distance(self) -> float:
        """Metres to the subject: the median depth of the photo's middle ninth, or of all of it where that has none."""
        depth = self.depth()
        rows, columns = (size // 3 for size in depth.shape)
        middle = depth[rows:-rows, columns:-columns] if rows and columns else depth
        return float(np.nanmedian(middle if np.isfinite(middle).any() else depth))


def photo_vertices(photo_scene: PhotoScene) -> GridVertices:
    """The mesh's vertices in the photo camera's Blender axes, whatever axes the mesh has.

    Raises:
        PhotoError: The mesh is in Edit Mode or has lost an attribute.
    """
    vertices, frame = own_vertices(photo_scene.mesh.data), photo_scene.frame
    return vertices if frame == Matrix() else vertices.moved(np.linalg.inv(np.array(frame, dtype=np.float64)))


def with_own_axes(photo_scene: PhotoScene) -> PhotoScene:
    """The photo, its mesh in its camera's axes again if the artist gave it others. Nothing that is seen moves.

    What reads a mesh's pose in evaluated scenes begins with this; what changes the photo, with `editable`.

    Raises:
        PhotoError: The mesh has other axes and is in Edit Mode, linked or animated. Nothing has changed then.
    """
    frame = photo_scene.frame
    if frame != Matrix():
        restore_axes(photo_scene.mesh, frame)
    return photo_scene


def editable(photo_scene: PhotoScene) -> PhotoScene:
    """The same, where the photo will be changed.

    Raises:
        PhotoError: As with_own_axes; or the photo is linked from another file, where what is changed here would be
            lost, or end Blender.
    """
    check_editable(photo_scene.mesh)
    return with_own_axes(photo_scene)


def whole(photo_scene: PhotoScene) -> PhotoScene:
    """The same, where the faces will be made anew between its vertices.

    Raises:
        PhotoError: As editable; or the mesh was simplified, so that most of its faces would be lost.
    """
    record = photo_scene.record
    if is_simplified(photo_scene.mesh.data, record.rows, record.columns):
        raise PhotoError(
            "The photo's mesh was simplified",
            f"it has {photo_scene.vertices:,} vertices for {record.rows * record.columns:,} pixels",
            "Press Take Shape as Depth first, which gives each pixel its vertex again.",
        )
    return editable(photo_scene)


def check_no_shape_keys(photo_scene: PhotoScene) -> None:
    """Refuse a mesh with shape keys, where its vertices will be moved: the keys hold where they are seen.

    Raises:
        PhotoError: It has some.
    """
    if photo_scene.mesh.data.shape_keys is not None:
        raise PhotoError(
            "The mesh has shape keys",
            f"{photo_scene.mesh.name} would go on showing the distances that they hold",
            "Press Take Shape as Depth first, or delete them.",
        )


def store_record(mesh: bpy.types.Object, record: Record) -> None:
    """Write the record onto the mesh object."""
    mesh[RECORD] = json.dumps({**asdict(record), "law": msgspec.to_builtins(record.law)})


def find_photo_scene(scene: bpy.types.Scene, imported_at: float | None = None) -> PhotoScene | None:
    """The photo that is worked on, or another one of the scene's.

    Args:
        scene: Where it is looked for.
        imported_at: Seconds since 1970, the `imported_at` of the photo wanted; None for the one that was chosen last,
            by import or by the artist.

    Returns:
        None when the scene has no such photo.
    """
    photos = photo_scenes(scene)
    if imported_at is not None:
        return next((photo for photo in photos if photo.record.imported_at == imported_at), None)
    current = scene.get(CURRENT)
    chosen = [photo for photo in photos if photo.record.imported_at == current]
    return next(iter([*chosen, *reversed(photos)]), None)


def photo_scenes(scene: bpy.types.Scene) -> list[PhotoScene]:
    """Every photo of the scene, in the order in which they were imported."""
    found = [
        PhotoScene(mesh, camera_of_mesh(scene, mesh), mesh[IMAGE], record_of(mesh)) for mesh in photo_meshes(scene)
    ]
    return sorted(found, key=lambda photo: (photo.record.imported_at, is_copy(photo), photo.mesh.name))


def camera_of_mesh(scene: bpy.types.Scene, mesh: bpy.types.Object) -> bpy.types.Object | None:
    """The camera of a photo's mesh, None where the scene has it no more.

    A library override's own is found by the camera that it overrides: once the file is opened again, Blender has the
    custom property of the library's mesh, which points to the library's camera.
    """
    camera = mesh.get(CAMERA)
    if not isinstance(camera, bpy.types.Object):
        return None
    if holds(scene.objects, camera):
        return camera
    overrides = (o for o in mesh.children if o.override_library is not None and o.override_library.reference == camera)
    return next((o for o in overrides if holds(scene.objects, o)), None)


def instanced_photo(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """An object of the scene that shows a photo of another collection as an instance, as a link does; None for none."""
    shown: dict[bpy.types.Collection, bpy.types.Object] = {}
    for instance in scene.objects:
        if instance.instance_type == "COLLECTION" and instance.instance_collection is not None:
            shown.setdefault(instance.instance_collection, instance)
    # A draw asks, and a forest has thousands of instances of a few collections.
    photos = (instance for collection, instance in shown.items() if any(RECORD in o for o in collection.all_objects))
    return next(photos, None)


def is_copy(photo_scene: PhotoScene) -> bool:
    """Whether the mesh is a duplicate of a photo's, or was separated from it: the photo's camera is another's child."""
    camera = photo_scene.camera
    return camera is not None and camera.parent not in (None, photo_scene.mesh) and RECORD in camera.parent


def photo_meshes(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The mesh objects of all photos in the scene."""
    return [o for o in scene.objects if o.type == "MESH" and RECORD in o and isinstance(o.get(IMAGE), bpy.types.Image)]


def set_depth_edge(photo_scene: PhotoScene, threshold: float) -> PhotoScene:
    """Cut the mesh at another relative depth jump.

    Args:
        photo_scene: The photo.
        threshold: The relative jump, above 0.

    Returns:
        The photo with its changed record.

    Raises:
        PhotoError: The threshold is not a positive number, the mesh is in Edit Mode or has lost what it was made of.
    """
    if not np.isfinite(threshold) or threshold <= 0:
        raise PhotoError("The depth edge is not a positive number", f"{threshold:g}")
    record = whole(photo_scene).record
    recut_mesh(photo_scene.mesh.data, record.rows, record.columns, threshold, record.cleaned)
    changed = replace(record, depth_edge=float(threshold))
    store_record(photo_scene.mesh, changed)
    return PhotoScene(photo_scene.mesh, photo_scene.camera, photo_scene.image, changed)


def record_of(holder: bpy.types.ID) -> Record:
    """The record that a photo's mesh object, or a mesh that was kept of it, carries."""
    stored: dict[str, Any] = json.loads(holder[RECORD])
    # A file of another version of the add-on may hold more.
    values = {field.name: stored[field.name] for field in fields(Record) if field.name in stored}
    facts, law = values.get("facts"), values.get("law")
    return Record(
        **{
            **values,
            "photo_size": tuple(values["photo_size"]),
            "facts": None if facts is None else DepthFacts(**facts),
            "law": None if law is None else msgspec.convert(law, DepthLaw),
        }
    )
