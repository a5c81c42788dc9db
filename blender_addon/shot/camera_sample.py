"""The artist's camera, as Blender evaluates it frame by frame, becomes a Trajectory."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from ..core.arrays import Float64
from ..core.camera.lens import Lens, RenderFrame
from ..core.camera.trajectory import Trajectory
from ..core.errors import CameraError
from ..scene.scene_frame import go_to_frame, kept_frame
from .axes import pose_in_reference


def spread_frames(frame_start: int, frame_end: int, count: int) -> Float64:
    """Scene frames spread evenly over a range, its first and last frame included.

    Args:
        frame_start: First scene frame.
        frame_end: Last scene frame.
        count: How many.

    Returns:
        [count] float64, fractional.
    """
    return np.linspace(frame_start, frame_end, count)


def scene_rate(scene: bpy.types.Scene) -> float:
    """The scene's frames per second."""
    return float(scene.render.fps / scene.render.fps_base)


def render_frame(scene: bpy.types.Scene) -> RenderFrame:
    """The size in pixels and the pixel aspect that the scene renders at, resolution percentage included."""
    render = scene.render
    width, height = (
        max(side * render.resolution_percentage // 100, 1) for side in (render.resolution_x, render.resolution_y)
    )
    return RenderFrame(width, height, render.pixel_aspect_x, render.pixel_aspect_y)


def sample_camera(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    frames: Sequence[float] | Float64,
    reference: bpy.types.Object,
    fps: float | None = None,
) -> Trajectory:
    """The camera at some scene frames, in pixels of the scene's render.

    It is read from the evaluated dependency graph: keyframes, F-curves, constraints, parents, drivers and an animated
    lens all count. The scene is back at its own frame afterwards.

    Args:
        scene: The scene.
        camera: The camera.
        frames: [F] scene frames, fractions allowed.
        reference: The photo's mesh (PhotoScene.mesh) or its camera; poses are relative to it, in the photo's metres.
        fps: Frames per second of the trajectory. None: the rate at which these frames last as long as the scene's.

    Raises:
        CameraError: The camera is not a perspective camera, is not part of the scene or is mirrored.
    """
    size = render_frame(scene)
    poses, intrinsics = [], []
    with kept_frame(scene):
        for frame in frames:
            go_to_frame(scene, float(frame))
            evaluated = evaluated_object(scene, camera)
            lens = lens_of_camera(evaluated)
            poses.append(pose_in_reference(evaluated.matrix_world, evaluated_object(scene, reference).matrix_world))
            intrinsics.append(lens.intrinsics(size))
    return Trajectory(
        np.array(poses), np.array(intrinsics), size.width, size.height, fps or _spread_rate(frames, scene_rate(scene))
    )


def lens_of_camera(camera: bpy.types.Object) -> Lens:
    """The optics of a Blender camera object.

    Raises:
        CameraError: It is not a perspective camera.
    """
    if camera.type != "CAMERA":
        raise CameraError(f"{camera.name} is not a camera", f"it is a {camera.type.lower()}")
    data = camera.data
    if data.type != "PERSP":
        raise CameraError(
            "Only perspective cameras can be followed",
            f"{camera.name} is {'orthographic' if data.type == 'ORTHO' else data.type.lower()}",
            "Set its lens type to Perspective.",
        )
    return Lens(data.lens, data.sensor_width, data.sensor_height, data.shift_x, data.shift_y, data.sensor_fit)


def evaluated_object(scene: bpy.types.Scene, subject: bpy.types.Object) -> bpy.types.Object:
    """The object as the scene's dependency graph evaluates it now.

    Raises:
        CameraError: No view layer of the scene holds it.
    """
    for layer in scene.view_layers:
        if layer.depsgraph is not None and (subject == scene.camera or layer.objects.get(subject.name) == subject):
            return subject.evaluated_get(layer.depsgraph)
    raise CameraError(
        f"{subject.name} is not in the scene",
        f"no view layer of {scene.name} holds it",
        "Link it to the scene, or include its collection in the view layer.",
    )


def _spread_rate(frames: Sequence[float] | Float64, rate: float) -> float:
    span = float(frames[-1] - frames[0]) if len(frames) > 1 else 0.0
    return rate * (len(frames) - 1) / span if span > 0 else rate
