"""The achieved camera as a Blender camera: a child of the photo's mesh, keyed at the frames whose camera was found."""

from __future__ import annotations

from functools import lru_cache

import bpy
import msgspec
import numpy as np
from mathutils import Matrix

from .. import blender_versions
from ..core.arrays import Float64
from ..core.camera.lens import lens_of
from ..core.camera.trajectory import Trajectory
from ..core.payloads.check_request import CheckResult
from ..scene import PhotoScene
from ..scene.editing.measured_cameras import CHECK_PROPERTY, ERROR_METRES, is_measured
from ..scene.photo_scene import Record, with_own_axes
from ..scene.reference_camera import set_optics
from ..shot.axes import flipped
from ..shot.camera_sample import spread_frames
from ..timeline.take import Take
from ..timeline.take_camera import camera_of
from .checked_take import CheckedTake

DEGREES, METRES = "error_degrees", ERROR_METRES
"""Animated custom properties of our cameras: how far each frame is off, for the graph editor."""
COLOUR = (1.0, 0.55, 0.1, 1.0)
"""RGBA of our cameras' objects."""
DISPLAY_SHARE = 0.5
"""Size of our cameras in the viewport, as a share of the artist's camera's."""
_SMALLEST_ZOOM = 1e-3
"""Millimetres that a focal length must change by to be keyed."""


def place_achieved_camera(
    scene: bpy.types.Scene, photo_scene: PhotoScene, take: Take, asked: Trajectory, result: CheckResult
) -> bpy.types.Object:
    """Put the camera of a check into the scene; the camera of an earlier check of the same take is keyed anew.

    Keys stand where the clip's frames were sampled, between whole frames too; between keys the motion is linear. A
    frame whose camera was not found has none. What the artist made of an earlier check's camera stays: its name and
    collection, markers and constraints that refer to it, copies.

    Args:
        scene: The scene.
        photo_scene: The photo that the take was made from.
        take: The take.
        asked: The clip's camera, in the clip's pixels, relative to the photo and in its present metres. The achieved
            camera has its lens.
        result: What the check found.

    Returns:
        The camera object.

    Raises:
        CameraError: The clip's lens has skew.
    """
    check = _checked(take, asked, result, photo_scene.record)
    camera = _own_camera(scene, take.shot, take.number) or _new_camera(scene, photo_scene, take)
    camera.parent, camera.parent_type = with_own_axes(photo_scene).mesh, "OBJECT"
    camera.matrix_parent_inverse.identity()
    camera[CHECK_PROPERTY] = msgspec.json.encode(check).decode("utf-8")
    if camera.data.users > 1:
        # A linked copy looks through the same data: it keeps the lens that it had.
        camera.data = camera.data.copy()
    _remove_actions(camera)
    _key_lens(camera.data, take, asked.intrinsics[list(check.index)], check.scene_frames)
    _key_poses(camera, flipped(result.poses), check.scene_frames)
    _key_errors(camera, check)
    for owner in (camera, camera.data):
        for curve in blender_versions.fcurves_of(owner):
            for point in curve.keyframe_points:
                point.interpolation = "LINEAR"
    return camera


def remove_achieved_camera(scene: bpy.types.Scene, shot: str, take: int) -> None:
    """Remove the camera of a take's check, and those of its data and actions that nothing else uses."""
    camera = _own_camera(scene, shot, take)
    if camera is None:
        return
    data = camera.data
    shared = data.users > 1
    _remove_actions(camera, with_data=not shared)
    bpy.data.batch_remove([camera] if shared else [camera, data])


def _own_camera(scene: bpy.types.Scene, shot: str, take: int) -> bpy.types.Object | None:
    """The camera of a take's check, None when there is none. Copies that the artist made lose its mark."""
    found = [camera for camera, check in achieved_cameras(scene) if (check.shot, check.take) == (shot, take)]
    # A copy is named by Blender after what it was copied from, and comes after it in a collection.
    found.sort(key=lambda camera: camera.name != _name(f"{shot}, take {take}"))
    for copy in found[1:]:
        del copy[CHECK_PROPERTY]
    return found[0] if found else None


def _new_camera(scene: bpy.types.Scene, photo_scene: PhotoScene, take: Take) -> bpy.types.Object:
    camera = bpy.data.objects.new(_name(take.label), bpy.data.cameras.new(_name(take.label)))
    collection = next(iter(photo_scene.mesh.users_collection), scene.collection)
    collection.objects.link(camera)
    camera.show_name, camera.color = True, COLOUR
    artists = camera_of(scene, take)
    if artists is not None:
        # Smaller, to be told from the artist's where it stands in the same place.
        camera.data.display_size = DISPLAY_SHARE * artists.data.display_size
        camera.data.clip_start, camera.data.clip_end = artists.data.clip_start, artists.data.clip_end
    return camera


def _name(label: str) -> str:
    return f"{label} achieved"


def _remove_actions(camera: bpy.types.Object, with_data: bool = True) -> None:
    """Remove the keys of a camera and its data; an action that a linked copy uses stays in the file."""
    for owner in (camera, camera.data) if with_data else (camera,):
        animation = owner.animation_data
        action = None if animation is None else animation.action
        if action is not None:
            animation.action = None
            if action.users == 0:
                bpy.data.actions.remove(action)


def achieved_cameras(scene: bpy.types.Scene) -> list[tuple[bpy.types.Object, CheckedTake]]:
    """The achieved cameras of a scene with their checks; those whose check cannot be read are left out."""
    found = []
    for camera in scene.objects:
        check = _decoded(camera[CHECK_PROPERTY]) if is_measured(camera) else None
        if check is not None:
            found.append((camera, check))
    return found


def check_of(scene: bpy.types.Scene, take: Take) -> CheckedTake | None:
    """The check of a take; None when it was not checked, or its camera was deleted."""
    checks = (check for _, check in achieved_cameras(scene))
    return next((check for check in checks if (check.shot, check.take) == (take.shot, take.number)), None)


@lru_cache(maxsize=64)
def _decoded(text: object) -> CheckedTake | None:
    """The check in a custom property, None when it cannot be read. Cached, because every redraw of a view asks."""
    try:
        return msgspec.json.decode(text, type=CheckedTake) if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None


def _checked(take: Take, asked: Trajectory, result: CheckResult, photo: Record) -> CheckedTake:
    at = spread_frames(take.frame_start, take.frame_end, len(asked))
    return CheckedTake(
        shot=take.shot,
        take=take.number,
        imported_at=photo.imported_at,
        asked=tuple(map(tuple, asked.centres.tolist())),
        achieved=tuple(map(tuple, result.poses[:, :3, 3].tolist())),
        index=result.placed,
        scene_frames=tuple(at[list(result.placed)].tolist()),
        degrees=result.degrees,
        metres=result.metres,
        metric=result.metric,
        scale=result.scale,
        findings=result.findings,
        scene_scale=photo.scale,
    )


def _key_lens(data: bpy.types.Camera, take: Take, intrinsics: Float64, frames: tuple[float, ...]) -> None:
    """Give the camera the clip's lens in the artist's frame, keyed when it zooms.

    Args:
        data: The camera.
        take: For how the artist's frame lies in the clip's.
        intrinsics: [P, 3, 3] float64 in the clip's pixels.
        frames: [P] scene frames.
    """
    size = (take.artist_width, take.artist_height)
    lenses = np.linalg.inv(take.fit.engine_from_artist) @ intrinsics
    set_optics(data, lenses[0], size)
    focal = [lens_of(lens, *size)[0].focal for lens in lenses]
    if np.ptp(focal) > _SMALLEST_ZOOM:
        for frame, millimetres in zip(frames, focal, strict=True):
            data.lens = millimetres
            data.keyframe_insert("lens", frame=frame)


def _key_poses(camera: bpy.types.Object, poses: Float64, frames: tuple[float, ...]) -> None:
    """Key the camera's location and rotation, as quaternions, so that it turns evenly between keys.

    Args:
        camera: The camera object.
        poses: [P, 4, 4] in the mesh's own axes.
        frames: [P] scene frames.
    """
    camera.rotation_mode = "QUATERNION"
    previous = None
    for pose, frame in zip(poses, frames, strict=True):
        location, rotation, _ = Matrix(pose.tolist()).decompose()
        if previous is not None:
            rotation.make_compatible(previous)
        previous = rotation
        camera.location, camera.rotation_quaternion = location, rotation
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_quaternion", frame=frame)


def _key_errors(camera: bpy.types.Object, check: CheckedTake) -> None:
    for name, errors, meaning in (
        (DEGREES, check.degrees, "Degrees between the direction asked for and the clip's"),
        (METRES, check.metres, "Metres between the place asked for and the clip's"),
    ):
        camera[name] = 0.0
        camera.id_properties_ui(name).update(description=meaning, min=0.0)
        for frame, error in zip(check.scene_frames, errors, strict=True):
            camera[name] = error
            camera.keyframe_insert(f'["{name}"]', frame=frame)
