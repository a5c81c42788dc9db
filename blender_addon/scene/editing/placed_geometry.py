"""Meshes that an artist placed, as the photo's camera sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from ...core.arrays import Float64, Int32
from ...core.depth.seen_depth import CLIPPED_AT
from ...core.errors import PhotoError
from ..axes import blender_points
from ..mesh import mesh_surface
from ..photo_scene import LAYER, RECORD, PhotoScene
from .overlay import SHOWN

SURFACES = ("MESH", "CURVE", "SURFACE", "META", "FONT")
"""Types of objects that have surfaces, or are evaluated to them."""


@dataclass(frozen=True, eq=False)
class PlacedGeometry:
    """Surfaces in the frame of the photo's camera.

    Attributes:
        vertices: [N, 3] float64 metres of the photo's scene, the camera's OpenCV axes.
        triangles: [T, 3] int32 indices into them.
        objects: The objects that they are of.
        unseen: Chosen objects that give none: hidden, or without a face.
    """

    vertices: Float64
    triangles: Int32
    objects: tuple[bpy.types.Object, ...]
    unseen: tuple[bpy.types.Object, ...]

    @property
    def is_behind(self) -> bool:
        """Whether all of it is behind the camera."""
        return not (self.vertices[:, 2] > CLIPPED_AT).any()


def is_ours(subject: bpy.types.Object) -> bool:
    """Whether the object shows a photo already: its mesh, the colours of its cleaning, the background behind it."""
    return RECORD in subject or SHOWN in subject or LAYER in subject


def has_surface(subject: bpy.types.Object) -> bool:
    """Whether an object can be chosen as geometry; an empty may stand for a collection of meshes."""
    instances = subject.type == "EMPTY" and subject.instance_type == "COLLECTION"
    return (subject.type in SURFACES or instances) and not is_ours(subject)


def placed_geometry(
    depsgraph: bpy.types.Depsgraph, photo_scene: PhotoScene, chosen: Collection[bpy.types.Object]
) -> PlacedGeometry:
    """The surfaces of objects, their modifiers and instances included, in the frame of the photo's camera.

    Args:
        depsgraph: Evaluated, of the view layer that shows them.
        photo_scene: The photo.
        chosen: The objects; photos' meshes among them, and in their instances, do not count.

    Raises:
        PhotoError: The photo's mesh is scaled to nothing.
    """
    into = _into_camera(photo_scene.mesh.evaluated_get(depsgraph).matrix_world @ photo_scene.frame)
    found = {subject.as_pointer(): subject for subject in chosen if has_surface(subject)}
    seen: set[int] = set()
    vertices: list[Float64] = []
    triangles: list[Int32] = []
    count = 0
    surfaces: dict[int, tuple[Float64, Int32]] = {}
    for subject, owner, matrix in _evaluated(depsgraph):
        of = {owner.as_pointer(), subject.original.as_pointer()} & set(found)
        if not of or subject.type not in SURFACES or is_ours(subject.original):
            continue
        points, faces = _surface(subject, surfaces)
        if not len(faces):
            continue
        seen |= of
        in_camera = blender_points(_moved(points, into @ matrix))
        vertices.append(in_camera)
        triangles.append(faces + np.int32(count))
        count += len(points)
    return PlacedGeometry(
        np.concatenate(vertices) if vertices else np.zeros((0, 3)),
        np.concatenate(triangles) if triangles else np.zeros((0, 3), dtype=np.int32),
        tuple(subject for pointer, subject in found.items() if pointer in seen),
        tuple(subject for pointer, subject in found.items() if pointer not in seen),
    )


def _into_camera(matrix: Matrix) -> Float64:
    """[4, 4] the world to the axes of the photo's mesh, which are the photo camera's Blender axes."""
    world: Float64 = np.array(matrix, dtype=np.float64)
    if abs(np.linalg.det(world)) < 1e-18:
        raise PhotoError("The photo's mesh has no size", "its scale is 0", "Set its scale to 1 (Alt+S).")
    return np.asarray(np.linalg.inv(world), dtype=np.float64)


def _evaluated(
    depsgraph: bpy.types.Depsgraph,
) -> Iterator[tuple[bpy.types.Object, bpy.types.Object, Float64]]:
    """Every visible object and instance, evaluated; the original object that it is, or is an instance of; its pose."""
    for instance in depsgraph.object_instances:
        if instance.is_instance and instance.parent is not None:
            owner = instance.parent.original
        else:
            owner = instance.object.original
        yield instance.object, owner, np.array(instance.matrix_world, dtype=np.float64)


def _surface(subject: bpy.types.Object, found: dict[int, tuple[Float64, Int32]]) -> tuple[Float64, Int32]:
    """[N, 3] float64 vertices in the object's own axes and [T, 3] int32 triangles of an evaluated object.

    Args:
        subject: Evaluated.
        found: What was read before, by the evaluated data's pointer: instances share it.
    """
    key = subject.data.as_pointer()
    if key not in found:
        # Blender raises this for what cannot be a mesh, as a metaball that belongs to another one's family.
        try:
            mesh = subject.to_mesh()
        except RuntimeError:
            mesh = None
        found[key] = (np.zeros((0, 3)), np.zeros((0, 3), np.int32)) if mesh is None else mesh_surface(mesh)
        if mesh is not None:
            subject.to_mesh_clear()
    return found[key]


def _moved(points: Float64, matrix: Float64) -> Float64:
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3], dtype=np.float64)
