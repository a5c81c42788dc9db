"""Going to a frame of the scene, fractions included, and coming back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ..datablocks import in_session


class KeptFrame:
    """The frame and the camera that a scene comes back to."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._uid = scene.session_uid
        self._frame = (scene.frame_current, scene.frame_subframe)
        self._camera = _camera_of(scene)
        self._paused_at: tuple[tuple[int, float], int | None] | None = None

    def pause(self) -> None:
        """The artist has the window for a moment: the scene has their camera again."""
        scene = in_session(bpy.data.scenes, self._uid)
        if scene is not None:
            self._paused_at = (scene.frame_current, scene.frame_subframe), _camera_of(scene)
            _give_camera(scene, self._camera)

    def resume(self) -> None:
        """Go on after a pause. Where the artist went meanwhile, and the camera that they chose, are kept now."""
        scene = in_session(bpy.data.scenes, self._uid)
        if scene is None or self._paused_at is None:
            return
        left, camera = self._paused_at
        self._paused_at = None
        now = (scene.frame_current, scene.frame_subframe)
        self._frame = self._frame if now == left else now
        self._camera = _camera_of(scene)
        _give_camera(scene, camera)

    def restore(self) -> None:
        """Bring the scene back, if it is still there."""
        self.resume()
        scene = in_session(bpy.data.scenes, self._uid)
        if scene is not None:
            scene.frame_set(self._frame[0], subframe=self._frame[1])
            _give_camera(scene, self._camera)


def _camera_of(scene: bpy.types.Scene) -> int | None:
    return None if scene.camera is None else int(scene.camera.session_uid)


def _give_camera(scene: bpy.types.Scene, camera: int | None) -> None:
    if _camera_of(scene) != camera:
        scene.camera = None if camera is None else in_session(bpy.data.objects, camera)


@contextmanager
def kept_frame(scene: bpy.types.Scene) -> Iterator[KeptFrame]:
    """A context after which the scene stands at its present frame again, with its present camera.

    Going to a frame makes the camera that a marker is bound to the scene's own; which one the artist had made active
    since is not known to the markers. The scene may be undone or removed meanwhile.
    """
    kept = KeptFrame(scene)
    try:
        yield kept
    finally:
        kept.restore()


def go_to_frame(scene: bpy.types.Scene, frame: float) -> None:
    """Evaluate the scene at a frame, which may be fractional."""
    whole = math.floor(frame)
    # A fraction that rounds up to 1 in Blender's single precision is refused.
    fraction = min(frame - whole, 1 - 2**-20)
    scene.frame_set(whole, subframe=fraction)
