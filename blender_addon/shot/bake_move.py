"""A camera move becomes ordinary keyframes, few enough to edit in the graph editor."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Euler, Matrix

from ..blender_versions import fcurves_of
from ..core.arrays import Float64
from ..core.camera.keyframes import Keyframes, fit_keyframes
from ..core.camera.moves import Easing, Values, move_at
from ..core.camera.trajectory import Trajectory
from ..core.errors import CameraError
from ..scene.photo_scene import find_photo_scene, with_own_axes
from ..scene.scene_frame import go_to_frame, kept_frame
from .axes import world_from_reference
from .camera_sample import evaluated_object, lens_of_camera, render_frame, sample_camera

_SAMPLES_A_FRAME = 16
_TOLERANCE = np.array([1e-3, 1e-3, 1e-3, 2e-4, 2e-4, 2e-4, 0.02])
"""How far a curve may be off: location (scene units), Euler angles (radians), focal length (mm)."""


def bake_move(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    name: str,
    values: Values | None,
    frame_start: int,
    frame_end: int,
    *,
    easing: Easing = "ease",
) -> int:
    """Key a camera move from where the camera stands at `frame_start`, measured in the photo's metres.

    Args:
        scene: The scene, with a photo.
        camera: The camera that is keyed.
        name: One of core.camera.moves.MOVES.
        values: The move's parameters by name; what is left out has its default.
        frame_start: First scene frame of the move.
        frame_end: Last scene frame, included.
        easing: How the move starts and ends.

    Returns:
        How many frames were keyed.

    Raises:
        CameraError: The move or its values are unknown, the range has fewer than two frames, the scene has no photo,
            or the camera cannot be keyed (see bake_trajectory).
    """
    photo_scene = find_photo_scene(scene)
    if photo_scene is None:
        raise CameraError(
            "There is no photo in this scene", "moves are measured in its metres", "Import a photo first."
        )
    if frame_end <= frame_start:
        raise CameraError("A move needs at least two frames", f"it would go from {frame_start} to {frame_end}")
    start = sample_camera(scene, camera, [frame_start], with_own_axes(photo_scene).mesh)
    times = np.linspace(frame_start, frame_end, (frame_end - frame_start) * _SAMPLES_A_FRAME + 1)
    progress = (times - frame_start) / (frame_end - frame_start)
    move = move_at(name, start, values, progress=progress, easing=easing)
    return bake_trajectory(scene, camera, photo_scene.mesh, move, times)


def bake_trajectory(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    reference: bpy.types.Object,
    trajectory: Trajectory,
    times: Float64,
) -> int:
    """Key the camera's location, rotation and, if it changes, focal length along a trajectory.

    Keys of these channels between the first and the last frame are replaced; rotation becomes Euler.

    Args:
        scene: The scene.
        camera: The camera that is keyed.
        reference: The object that the poses are relative to: the photo's mesh or its camera.
        trajectory: F poses in the photo's metres, intrinsics in pixels of the scene's render.
        times: [F] float64 scene frames that they belong to; 16 a frame give smooth curves.

    Returns:
        How many frames were keyed.

    Raises:
        CameraError: The camera has constraints or drivers, which keys could not overrule, or is linked.
    """
    _check_can_be_keyed(camera)
    if camera.rotation_mode in ("QUATERNION", "AXIS_ANGLE"):
        camera.rotation_mode = "XYZ"
    channels = _channels(scene, camera, reference, trajectory, times)
    focal_moves = bool(np.ptp(channels[:, 6]) > _TOLERANCE[6]) or _is_keyed(camera.data, "lens")
    keys = fit_keyframes(times, channels, _TOLERANCE)
    _write(camera, "location", keys, [0, 1, 2])
    _write(camera, "rotation_euler", keys, [3, 4, 5])
    if focal_moves:
        _write(camera.data, "lens", keys, [6])
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)
    return len(keys.times)


def _check_can_be_keyed(camera: bpy.types.Object) -> None:
    constraints = [constraint.name for constraint in camera.constraints if not constraint.mute]
    if constraints:
        raise CameraError(
            f"{camera.name} is held by constraints", ", ".join(constraints), "Mute or apply them, then bake the move."
        )
    if camera.library is not None or camera.data.library is not None:
        raise CameraError(f"{camera.name} is linked from another file", "", "Make it local, then bake the move.")
    drivers = camera.animation_data.drivers if camera.animation_data else ()
    if any(driver.data_path in ("location", "rotation_euler") for driver in drivers):
        raise CameraError(f"{camera.name} is moved by drivers", "", "Remove them, then bake the move.")


def _channels(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    reference: bpy.types.Object,
    trajectory: Trajectory,
    times: Float64,
) -> Float64:
    """The camera's own channels that put it onto the trajectory.

    Returns:
        [F, 7] float64 location (scene units), continuous Euler angles (radians) and focal length (mm).
    """
    lens, frame = lens_of_camera(camera), render_frame(scene)
    millimetres = lens.focal / float(lens.intrinsics(frame)[0, 0])
    rows = []
    previous = camera.rotation_euler.copy()
    with kept_frame(scene):
        for index, time in enumerate(times):
            if index == 0 or camera.parent is not None:
                go_to_frame(scene, float(time))
                held = _parent_space(evaluated_object(scene, camera))
                reference_world = np.array(evaluated_object(scene, reference).matrix_world)
            world = world_from_reference(trajectory.camera_to_world[index], reference_world)
            local = held @ Matrix(world.tolist())
            location, rotation, _ = local.decompose()
            previous = rotation.to_euler(camera.rotation_mode, Euler(previous, camera.rotation_mode))
            rows.append([*location, *previous, trajectory.intrinsics[index, 0, 0] * millimetres])
    return np.array(rows, dtype=np.float64)


def _parent_space(camera: bpy.types.Object) -> Matrix:
    """The matrix from world space to the space of the camera's own channels, whatever kind of parent there is."""
    return camera.matrix_basis @ camera.matrix_world.inverted()


def _is_keyed(owner: bpy.types.ID, path: str) -> bool:
    return any(curve.data_path == path for curve in fcurves_of(owner))


def _write(owner: bpy.types.ID, path: str, keys: Keyframes, columns: list[int]) -> None:
    first, last = float(keys.times[0]), float(keys.times[-1])
    for curve in fcurves_of(owner):
        if curve.data_path == path:
            points = curve.keyframe_points
            # From the end: removing a key moves those behind it.
            for index in reversed([i for i, point in enumerate(points) if first <= point.co.x <= last]):
                points.remove(points[index], fast=True)
    for time, values in zip(keys.times, keys.values[:, columns], strict=True):
        setattr(owner, path, values if len(columns) > 1 else float(values[0]))
        owner.keyframe_insert(path, frame=float(time))
    left, right = keys.left_handles(), keys.right_handles()
    for curve in fcurves_of(owner):
        if curve.data_path != path:
            continue
        column = columns[curve.array_index] if len(columns) > 1 else columns[0]
        points = [p for p in curve.keyframe_points if first <= p.co.x <= last]
        for index, point in enumerate(points):
            point.interpolation = "BEZIER"
            point.handle_left_type = point.handle_right_type = "FREE"
            point.co.y = keys.values[index, column]
            point.handle_left, point.handle_right = left[index, column], right[index, column]
        curve.update()
