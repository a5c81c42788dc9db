"""Going to a frame of the scene, fractions included, and coming back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ..datablocks import in_session


@contextmanager
def kept_frame(scene: bpy.types.Scene) -> Iterator[None]:
    """A context after which the scene stands at its present frame again, with its present camera.

    Going to a frame makes the camera that a marker is bound to the scene's own; which one the artist had made active
    since is not known to the markers. The scene may be undone or removed meanwhile.
    """
    uid, frame, subframe = scene.session_uid, scene.frame_current, scene.frame_subframe
    camera = None if scene.camera is None else scene.camera.session_uid
    try:
        yield
    finally:
        found = in_session(bpy.data.scenes, uid)
        if found is not None:
            found.frame_set(frame, subframe=subframe)
            now = None if found.camera is None else found.camera.session_uid
            if now != camera:
                found.camera = None if camera is None else in_session(bpy.data.objects, camera)


def go_to_frame(scene: bpy.types.Scene, frame: float) -> None:
    """Evaluate the scene at a frame, which may be fractional."""
    whole = math.floor(frame)
    # A fraction that rounds up to 1 in Blender's single precision is refused.
    fraction = min(frame - whole, 1 - 2**-20)
    scene.frame_set(whole, subframe=fraction)
