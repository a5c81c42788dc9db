"""Which objects move with the shot: the artist's cameras, what they depend on, and what hangs on the photo."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ...datablocks import holds
from ..photo_scene import RECORD, PhotoScene, camera_of_mesh
from ..reference_camera import see_as_far_as
from .geometry_choice import stored_choice
from .measured_cameras import is_measured, measured_cameras

CARRYING_CONSTRAINTS = ("FOLLOW_PATH", "CHILD_OF", "ARMATURE")
"""Constraints that lay the owner's own channels on top of the target's whole transform, scale included."""


def artists_cameras(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Every camera of the scene but reference cameras and those that a camera check made."""
    takers = {camera_of_mesh(scene, o) for o in scene.objects if RECORD in o}
    return [o for o in scene.objects if o.type == "CAMERA" and o not in takers and not is_measured(o)]


def let_cameras_see(scene: bpy.types.Scene, photo_scene: PhotoScene, farthest: float) -> None:
    """Move the far clipping planes of the photo's camera and the artist's out to what the depth reaches.

    Args:
        scene: The scene.
        photo_scene: The photo.
        farthest: Metres of the photo's scene.
    """
    for camera in (photo_scene.camera, *artists_cameras(scene)):
        if camera is not None:
            see_as_far_as(camera.data, farthest * photo_scene.world.median_scale)


def moving_objects(scene: bpy.types.Scene, photo_scene: PhotoScene) -> list[bpy.types.Object]:
    """The objects that must move when the photo's scene is scaled about its camera, so that every shot looks the same.

    These are the artist's cameras and those measured in takes of this photo, with their children; their parents,
    constraint targets and focus objects, and those of these in turn; children of the photo's mesh and objects in its
    collection; the geometry that its depth was made of. Never the mesh, its parents, a reference camera or a camera
    measured in a take of another photo. Props that nothing ties to the photo stay: they have a true size of their own.
    """
    fixed = {photo_scene.mesh, *_parents(photo_scene.mesh)}
    cameras = [*artists_cameras(scene), *measured_cameras(scene, photo_scene)]
    fixed |= {o for o in scene.objects if RECORD in o or (o.type == "CAMERA" and o not in cameras)}
    beside = [o for c in photo_scene.mesh.users_collection if c != scene.collection for o in c.objects]
    choice = stored_choice(photo_scene)
    geometry = [] if choice is None else [o for o in choice.objects if holds(scene.objects, o)]
    waiting = [*cameras, *photo_scene.mesh.children, *beside, *geometry]
    found: dict[bpy.types.Object, None] = {}
    while waiting:
        subject = waiting.pop()
        if subject in fixed or subject in found:
            continue
        found[subject] = None
        waiting += steered_by(subject)
        if subject.type == "CAMERA":
            waiting += subject.children
    return list(found)


def steered_by(subject: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """The objects that this one's pose, or a camera's focus, depends on directly."""
    if subject.parent is not None:
        yield subject.parent
    for constraint in subject.constraints:
        yield from targets(constraint)
    if subject.type == "CAMERA" and subject.data.dof.focus_object is not None:
        yield subject.data.dof.focus_object


def parents(subject: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """The objects whose whole transform this one's own channels are relative to."""
    if subject.parent is not None:
        yield subject.parent
    for constraint in subject.constraints:
        if constraint.type in CARRYING_CONSTRAINTS and not constraint.mute:
            yield from targets(constraint)


def targets(constraint: bpy.types.Constraint) -> list[bpy.types.Object]:
    """The objects that a constraint refers to."""
    several = [item.target for item in constraint.targets] if constraint.type == "ARMATURE" else []
    return [o for o in (getattr(constraint, "target", None), *several) if o is not None]


def _parents(subject: bpy.types.Object) -> Iterator[bpy.types.Object]:
    while subject.parent is not None:
        subject = subject.parent
        yield subject
