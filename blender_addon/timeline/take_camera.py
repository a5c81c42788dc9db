"""The camera that a take was made for, whatever it is called by now."""

from __future__ import annotations

import bpy

from ..datablocks import holds, named
from .take import Take

SCENE_PROPERTY = "realcam_take_cameras"
"""Custom property of the scene: the camera of each take as a pointer, by the take's job, so that names are free."""


def remember_camera(scene: bpy.types.Scene, job_id: str, camera: bpy.types.Object) -> None:
    """Keep which camera a job's take is made for; cameras that the scene has lost are dropped.

    Jobs that have no take yet count too: they may be resumed later.
    """
    known = {other: _pointer(scene, other) for other in scene.get(SCENE_PROPERTY, {})}
    held = {other: one for other, one in known.items() if one is not None and holds(scene.objects, one)}
    scene[SCENE_PROPERTY] = {**held, job_id: camera}


def camera_of(scene: bpy.types.Scene, take: Take) -> bpy.types.Object | None:
    """The camera that a take was made for; the scene's where it is gone; None when that is none either."""
    camera = own_camera(scene, take) or scene.camera
    return camera if camera is not None and camera.type == "CAMERA" else None


def own_camera(scene: bpy.types.Scene, take: Take) -> bpy.types.Object | None:
    """The camera that a take was made for, None where it is gone.

    Where the scene keeps no pointer to it, as with takes of older versions and found ones, it is the camera of that
    name and library: the scene's own, else one of the file's. Where the take does not tell the library, the only one
    of that name in the scene, from wherever it is linked.
    """
    known = _pointer(scene, take.job_id)
    if known is not None and holds(scene.objects, known):
        return known
    for objects in (scene.objects, bpy.data.objects):
        camera = named(objects, take.camera, take.camera_library or "")
        if camera is not None and camera.type == "CAMERA":
            return camera
    if take.camera_library is not None:
        return None
    linked = [o for o in scene.objects if o.type == "CAMERA" and o.name == take.camera]
    return linked[0] if len(linked) == 1 else None


def _pointer(scene: bpy.types.Scene, job_id: str) -> bpy.types.Object | None:
    cameras = scene.get(SCENE_PROPERTY)
    camera = None if cameras is None or not job_id else cameras.get(job_id)
    return camera if isinstance(camera, bpy.types.Object) and camera.type == "CAMERA" else None
