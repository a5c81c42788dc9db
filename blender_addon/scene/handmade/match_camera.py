"""The photo stands where another camera stands, with its lens: that of an fSpy scene, a scan or a tracked shot."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from ...core.arrays import Float64
from ...core.camera.lens import Lens, RenderFrame, full_frame_focal, lens_of
from ...core.errors import CameraError, PhotoError
from ..editing.focal_length_edit import set_intrinsics
from ..editing.rig_dependencies import artists_cameras
from ..photo_scene import PhotoScene

SAME_PLACE = 1e-4
"""Difference of two world matrices up to which a camera stands where the photo's does."""


def match_camera(
    scene: bpy.types.Scene, photo_scene: PhotoScene, camera: bpy.types.Object, depsgraph: bpy.types.Depsgraph
) -> PhotoScene:
    """Put the photo where another camera stands, with that camera's lens; its depth stays.

    The camera's frame is taken to be the photo's. Cameras of the artist's that still stand at the photo's go along,
    unless they are animated or held.

    Args:
        scene: The scene.
        photo_scene: The photo.
        camera: The camera that saw what the photo shows.
        depsgraph: Evaluated, with both.

    Returns:
        The photo with its changed record.

    Raises:
        CameraError: It is no perspective camera.
        PhotoError: The photo's mesh is in Edit Mode, or held by something else. Nothing has changed then.
    """
    mesh = photo_scene.mesh
    if mesh.data.is_editmode:
        raise PhotoError("The mesh is being edited", mesh.name, "Leave Edit Mode first.")
    if camera.type != "CAMERA" or camera.data.type != "PERSP":
        raise CameraError("The photo can only match a perspective camera", camera.name, "Set its type to Perspective.")
    if camera == photo_scene.camera:
        raise CameraError("This is the photo's own camera", camera.name, "Choose the one whose place it shall have.")
    if _is_held(mesh):
        raise PhotoError(
            "The photo's mesh cannot be moved",
            f"{mesh.name} has a parent, constraints or keyframes",
            "Clear them, then try again.",
        )
    width, height = photo_scene.photo_size
    intrinsics = _lens(camera).intrinsics(RenderFrame(width, height))
    before = mesh.evaluated_get(depsgraph).matrix_world @ photo_scene.frame
    place, turn, _ = camera.evaluated_get(depsgraph).matrix_world.decompose()
    along = [o for o in artists_cameras(scene) if o != camera and not _is_held(o) and _stands_at(o, before)]
    changed = set_intrinsics(scene, photo_scene, intrinsics, _words(camera, intrinsics, photo_scene))
    mesh.matrix_world = Matrix.LocRotScale(place, turn, before.to_scale())
    for other in along:
        other.matrix_world = Matrix.LocRotScale(place, turn, other.matrix_world.to_scale())
    return changed


def lens_by_hand(photo_scene: PhotoScene) -> Float64 | None:
    """The lens that the artist has given to the photo's camera by hand: [3, 3] float64 in the photo's pixels.

    Returns:
        None when the camera has the photo's lens, or is gone.

    Raises:
        CameraError: The camera is no perspective camera any more.
    """
    camera = photo_scene.camera
    if camera is None:
        return None
    if camera.data.type != "PERSP":
        raise CameraError(
            "The photo's camera is no perspective camera", camera.name, "Set its type to Perspective (Camera Data)."
        )
    lens, frame = lens_of(photo_scene.intrinsics, *photo_scene.photo_size)
    intrinsics = _lens(camera).intrinsics(frame)
    rounding = 1e-5 * max(photo_scene.photo_size)
    return None if np.allclose(intrinsics, lens.intrinsics(frame), rtol=1e-4, atol=rounding) else intrinsics


def take_lens_by_hand(scene: bpy.types.Scene, photo_scene: PhotoScene, intrinsics: Float64) -> PhotoScene:
    """Rebuild the photo with the lens that lens_by_hand found, and return it with its changed record."""
    assert photo_scene.camera is not None
    return set_intrinsics(scene, photo_scene, intrinsics, _words(photo_scene.camera, intrinsics, photo_scene))


def _lens(camera: bpy.types.Object) -> Lens:
    data = camera.data
    return Lens(data.lens, data.sensor_width, data.sensor_height, data.shift_x, data.shift_y, data.sensor_fit)


def _words(camera: bpy.types.Object, intrinsics: Float64, photo_scene: PhotoScene) -> str:
    """Where the focal length came from, for the panel."""
    mm = full_frame_focal(float(intrinsics[0, 0]), *photo_scene.photo_size)
    return f"camera {camera.name}, {mm:.1f} mm (35 mm eq.)"


def _is_held(subject: bpy.types.Object) -> bool:
    animated = subject.animation_data is not None and subject.animation_data.action is not None
    return subject.parent is not None or bool(subject.constraints) or animated


def _stands_at(subject: bpy.types.Object, place: Matrix) -> bool:
    own, other = (np.array(m.normalized()) for m in (subject.matrix_world, place))
    return bool(np.abs(own - other).max() <= SAME_PLACE)
