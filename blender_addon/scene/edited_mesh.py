"""What an artist did to a photo's mesh with Blender's own tools, that a shot does not take as it is seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import bpy
import numpy as np
from mathutils import Matrix

from ..core.depth.depth_mesh import lift
from ..core.errors import PhotoError
from .axes import blender_points
from .mesh import built_depth, own_vertices, rebuild_mesh
from .photo_frame import check_editable, some_vertices
from .photo_scene import CAMERA, PhotoScene, editable, is_copy, photo_scenes, store_record
from .reference_camera import hang_camera, reference_camera
from .simplified_mesh import is_simplified
from .units import drawn_otherwise

Mend = Literal["take_shape", "restore_axes", "put_back", "own_photo", "restore_camera", "draw_in_units"]
"""An operator that mends it, without `realcam.`."""

A_FEW = 0.02
"""Share of the vertices that may be moved before it is told."""


@dataclass(frozen=True)
class MeshEdit:
    """Something that was done.

    Attributes:
        sentence: What, and what to do.
        mends: What mends it, the first what most want; empty where no operator does.
        prevents: Whether no shot can be made of it.
    """

    sentence: str
    mends: tuple[Mend, ...]
    prevents: bool = False

    @property
    def changes_shot(self) -> bool:
        """Whether the shot is another one than is seen."""
        return "take_shape" in self.mends


def mesh_edits(scene: bpy.types.Scene, photo_scene: PhotoScene) -> list[MeshEdit]:
    """What was done to the photo's mesh. Fast enough for a panel's draw; in Edit Mode little is told."""
    return [*_pose_edits(scene, photo_scene), *_shape_edits(photo_scene), *_copies(scene, photo_scene)]


def _pose_edits(scene: bpy.types.Scene, photo_scene: PhotoScene) -> Iterator[MeshEdit]:
    subject = photo_scene.mesh
    if photo_scene.frame != Matrix():
        yield MeshEdit(
            f"{subject.name} has other axes than its photo's camera (Apply, Set Origin). The shot is the same; "
            "RealCam's tools give the mesh its own axes back.",
            ("restore_axes",),
        )
    drawn = drawn_otherwise(scene, photo_scene.world.median_scale)
    if drawn is not None:
        yield MeshEdit(drawn, ("draw_in_units",))
    if photo_scene.camera is None:
        yield MeshEdit(
            f"The camera of {subject.name} was deleted. The shot is the same; Block Out and drawing need that camera.",
            ("restore_camera",),
        )
    if photo_scene.world.determinant() < 0:
        yield MeshEdit(
            f"{subject.name} is mirrored: no camera sees a mirrored photo. Set its scale to 1 (Alt+S).",
            (),
            prevents=True,
        )


def _shape_edits(photo_scene: PhotoScene) -> Iterator[MeshEdit]:
    subject, record = photo_scene.mesh, photo_scene.record
    mesh = subject.data
    keys = [key.name for key in mesh.shape_keys.key_blocks[1:] if key.value] if mesh.shape_keys is not None else []
    shaped = [*(modifier.name for modifier in subject.modifiers if modifier.show_viewport), *keys]
    if shaped:
        yield MeshEdit(
            f"{', '.join(shaped)} shows {subject.name} in another shape than its depth. Take Shape as Depth makes it "
            "the depth.",
            ("take_shape",),
        )
    if mesh.is_editmode or not mesh.vertices:
        return
    some = some_vertices(mesh, photo_scene.intrinsics, photo_scene.photo_size)
    if some is None:
        yield MeshEdit(
            f"{subject.name} has lost what ties its vertices to the photo (a remesh, a removed attribute). "
            "Take Shape as Depth makes its depth of what the camera sees.",
            ("take_shape",),
            prevents=True,
        )
        return
    if some.foreign or len(mesh.vertices) > record.rows * record.columns:
        yield MeshEdit(
            f"{subject.name} has vertices that are not the photo's (Join, Subdivide). Take Shape as Depth makes depth "
            "of them, or separate them (P in Edit Mode).",
            ("take_shape",),
        )
    if is_simplified(mesh, record.rows, record.columns):
        yield MeshEdit(
            f"{subject.name} has fewer vertices than the photo has depth (Decimate, Dissolve): between them its faces "
            "count. Take Shape as Depth gives each pixel its vertex before other tools change the mesh.",
            ("take_shape",),
        )
    elif 1 - some.share_in_place(np.array(photo_scene.frame)) > A_FEW:
        yield MeshEdit(
            f"{subject.name} was moved or sculpted against its photo's camera. Take Shape as Depth makes that the "
            "depth; Put Back undoes it.",
            ("take_shape", "put_back"),
        )


def _copies(scene: bpy.types.Scene, photo_scene: PhotoScene) -> Iterator[MeshEdit]:
    copies = copies_of(scene, photo_scene)
    if copies:
        names = ", ".join(copy.mesh.name for copy in copies)
        yield MeshEdit(
            f"{names} is a copy or a piece of {photo_scene.mesh.name}, which alone is in the shot. "
            "Join it back (Ctrl+J), or make it a photo of its own.",
            ("own_photo",),
        )


def copies_of(scene: bpy.types.Scene, photo_scene: PhotoScene) -> list[PhotoScene]:
    """The duplicates of a photo's mesh in its scene, and what was separated from it."""
    return [
        photo
        for photo in photo_scenes(scene)
        if photo.record.imported_at == photo_scene.record.imported_at and photo.mesh != photo_scene.mesh
    ]


def put_back(photo_scene: PhotoScene) -> PhotoScene:
    """Put every vertex of the photo back to where it was built, and make the faces anew. Shape keys are removed.

    Raises:
        PhotoError: The mesh is in Edit Mode, linked, or of a version that did not keep it.
    """
    photo_scene = editable(photo_scene)
    mesh, record = photo_scene.mesh.data, photo_scene.record
    vertices = own_vertices(mesh)
    taken = built_depth(mesh)
    if taken is None:
        raise PhotoError(
            "The mesh does not keep where it was built", photo_scene.mesh.name, "Undo, or import the photo again."
        )
    uv = np.stack([vertices.picture[:, 0], 1 - vertices.picture[:, 1]], axis=1).astype(np.float64)
    points = lift(uv, taken, photo_scene.intrinsics, photo_scene.photo_size)
    placed = replace(vertices, positions=blender_points(points).astype(np.float32))
    if mesh.shape_keys is not None:
        photo_scene.mesh.shape_key_clear()
    rebuild_mesh(mesh, placed, (record.rows, record.columns), record.depth_edge, record.cleaned)
    return photo_scene


def restore_camera(photo_scene: PhotoScene) -> PhotoScene:
    """Make the photo's camera again, where it took the photo. One that is there stays.

    Raises:
        PhotoError: The mesh is linked, or has other axes and is animated.
    """
    if photo_scene.camera is not None:
        return photo_scene
    photo_scene = editable(photo_scene)
    subject, facts = photo_scene.mesh, photo_scene.facts
    far, units = 0.0 if facts is None else facts.farthest, photo_scene.world.median_scale
    camera = reference_camera(f"{subject.name} camera", photo_scene.intrinsics, photo_scene.photo_size, far, units)
    hang_camera(subject, camera)
    subject[CAMERA] = camera
    for collection in subject.users_collection:
        collection.objects.link(camera)
    return replace(photo_scene, camera=camera)


def make_own_photo(scene: bpy.types.Scene, photo_scene: PhotoScene) -> PhotoScene:
    """Make a copy of a photo's mesh a photo of its own, with a mesh and a camera that are its alone.

    Raises:
        PhotoError: The mesh is linked from another file.
    """
    subject, camera = photo_scene.mesh, photo_scene.camera
    check_editable(subject)
    if subject.data.users > 1:
        subject.data = subject.data.copy()
    if is_copy(photo_scene) and camera is not None:
        own = camera.copy()
        own.data = camera.data.copy()
        own.parent, own.matrix_parent_inverse = subject, camera.matrix_parent_inverse
        (subject.users_collection or (scene.collection,))[0].objects.link(own)
        subject[CAMERA] = camera = own
    record = replace(photo_scene.record, imported_at=time.time())
    store_record(subject, record)
    return PhotoScene(subject, camera, photo_scene.image, record)
