"""The artist's camera, as Blender evaluates it frame by frame, becomes a Trajectory."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import bpy
import numpy as np

from ..core.arrays import Float64
from ..core.camera.lens import Lens, RenderFrame
from ..core.camera.trajectory import Trajectory
from ..core.errors import CameraError
from ..core.progress import JobProgress
from ..datablocks import holds, in_session
from ..scene.scene_frame import go_to_frame, kept_frame
from .axes import pose_in_reference
from .simulation import stepping

T = TypeVar("T")

SLICE_SECONDS = 0.1
"""How long frames are evaluated one after another before the window is given back."""


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


@dataclass(frozen=True)
class SampledCamera:
    """A camera over some frames of its scene.

    Attributes:
        trajectory: In pixels of the scene's render, relative to the photo's camera.
        frame: The render's size and pixel aspect over these frames.
        active: Whether it was the scene's active camera at every frame; None when at some of them only.
    """

    trajectory: Trajectory
    frame: RenderFrame
    active: bool | None


def sample_camera(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    frames: Sequence[float] | Float64,
    reference: bpy.types.Object,
    fps: float | None = None,
) -> Trajectory:
    """The camera at some scene frames, in pixels of the scene's render; see camera_slices.

    Args:
        scene: The scene.
        camera: The camera.
        frames: [F] scene frames, fractions allowed.
        reference: The photo's mesh (PhotoScene.mesh) or its camera; poses are relative to it, in the photo's metres.
        fps: Frames per second of the trajectory. None: the rate at which these frames last as long as the scene's.

    Raises:
        CameraError: See camera_slices.
    """
    trajectory = to_the_end(camera_slices(scene, camera, frames, reference)).trajectory
    return trajectory if fps is None else replace(trajectory, fps=fps)


def camera_slices(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    frames: Sequence[float] | Float64,
    reference: bpy.types.Object,
) -> Generator[JobProgress, None, SampledCamera]:
    """Samples a camera at some scene frames.

    It is read from the evaluated dependency graph: keyframes, F-curves, constraints, parents, drivers and an animated
    lens all count. Where the camera or the reference depends on a simulation that is not baked, every whole frame from
    the simulation's start is evaluated in turn, as a render does, and what lies between two of them interpolated; this
    takes long, and only then there is more than one slice. The scene is back at its own frame afterwards.

    Args:
        scene: The scene.
        camera: The camera.
        frames: [F] scene frames, fractions allowed.
        reference: The photo's mesh (PhotoScene.mesh) or its camera; poses are relative to it, in the photo's metres.

    Returns:
        The camera, at the rate at which these frames last as long as the scene's.

    Raises:
        CameraError: The camera is not a perspective camera, is not part of the scene or is mirrored; or the render's
            size changes.
    """
    at = np.asarray(frames, dtype=np.float64)
    rate = _spread_rate(at, scene_rate(scene))
    steps = stepping(scene, (camera, reference))
    looks = _Looks(scene, camera, reference)
    with kept_frame(scene) as kept:
        if steps is None or steps.first > at.max():
            for frame in at:
                looks.at(float(frame))
            return looks.sampled(rate)
        del scene, camera, reference
        first, last = math.floor(at.min()), math.ceil(at.max())
        since = time.monotonic()
        start = min(steps.first, first)
        for frame in range(start, last + 1):
            looks.step(frame, wanted=frame >= first)
            if time.monotonic() - since > SLICE_SECONDS:
                kept.pause()
                yield JobProgress(frame - start + 1, last + 1 - start, steps.why)
                kept.resume()
                looks.find_again(frame)
                since = time.monotonic()
    whole = looks.sampled(rate)
    return replace(whole, trajectory=replace(whole.trajectory.at(at - first), fps=rate))


def to_the_end(slices: Generator[JobProgress, None, T]) -> T:
    """What slices of work return, all of them done at once."""
    while True:
        try:
            next(slices)
        except StopIteration as finished:
            return cast(T, finished.value)


class _Looks:
    """What is seen of a camera as the scene goes from frame to frame."""

    def __init__(self, scene: bpy.types.Scene, camera: bpy.types.Object, reference: bpy.types.Object) -> None:
        self._scene, self._camera, self._reference = scene, camera, reference
        self._uids = (scene.session_uid, camera.session_uid, reference.session_uid)
        self._poses: list[Float64] = []
        self._intrinsics: list[Float64] = []
        self._active: set[bool] = set()
        self._size: tuple[float, RenderFrame] | None = None

    def at(self, frame: float) -> None:
        """Go to a frame and keep what is seen there."""
        scene = self._scene
        go_to_frame(scene, frame)
        size = render_frame(scene)
        if self._size is None:
            self._size = frame, size
        elif size != self._size[1]:
            raise _size_changes(self._size, (frame, size))
        evaluated = evaluated_object(scene, self._camera)
        reference = evaluated_object(scene, self._reference).matrix_world
        self._poses.append(pose_in_reference(evaluated.matrix_world, reference))
        self._intrinsics.append(lens_of_camera(evaluated).intrinsics(size))
        self._active.add(scene.camera == self._camera)

    def step(self, frame: int, wanted: bool) -> None:
        """Go to the next whole frame, and keep what is seen there only where it is wanted."""
        if wanted:
            self.at(frame)
        else:
            go_to_frame(self._scene, frame)

    def find_again(self, frame: int) -> None:
        """Find scene and objects after a pause, in which the artist may have undone or scrubbed, and go on at a frame.

        Raises:
            CameraError: One of them is gone.
        """
        uids = self._uids
        scene = in_session(bpy.data.scenes, uids[0])
        camera, reference = (None if scene is None else in_session(scene.objects, uid) for uid in uids[1:])
        if scene is None or camera is None or reference is None:
            raise CameraError(
                "The camera cannot be followed further",
                "it, its scene or the photo was removed meanwhile",
                "Bring it back and start again.",
            )
        self._scene, self._camera, self._reference = scene, camera, reference
        if scene.frame_current != frame or scene.frame_subframe:
            go_to_frame(scene, frame)

    def sampled(self, fps: float) -> SampledCamera:
        """All that was kept, in the order in which it was seen."""
        assert self._size is not None
        size = self._size[1]
        active = next(iter(self._active)) if len(self._active) == 1 else None
        trajectory = Trajectory(np.array(self._poses), np.array(self._intrinsics), size.width, size.height, fps)
        return SampledCamera(trajectory, size, active)


def _size_changes(one: tuple[float, RenderFrame], other: tuple[float, RenderFrame]) -> CameraError:
    said = (
        f"{size.width} x {size.height} (pixel aspect {size.aspect_x:g}:{size.aspect_y:g}) at frame {frame:g}"
        for frame, size in (one, other)
    )
    return CameraError(
        "The render's size changes within the shot",
        " and ".join(said),
        "A clip has one size: remove what changes it (a driver or a script), or make a shot of each part.",
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
        if layer.depsgraph is not None and (subject == scene.camera or holds(layer.objects, subject)):
            return subject.evaluated_get(layer.depsgraph)
    raise CameraError(
        f"{subject.name} is not in the scene",
        f"no view layer of {scene.name} holds it",
        "Link it to the scene, or include its collection in the view layer.",
    )


def _spread_rate(frames: Float64, rate: float) -> float:
    span = float(frames[-1] - frames[0]) if len(frames) > 1 else 0.0
    return rate * (len(frames) - 1) / span if span > 0 else rate
