"""Going to a frame of the scene, fractions included, and coming back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def kept_frame(scene: bpy.types.Scene) -> Iterator[None]:
    """A context after which the scene stands at its present frame again."""
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)


def go_to_frame(scene: bpy.types.Scene, frame: float) -> None:
    """Evaluate the scene at a frame, which may be fractional."""
    whole = math.floor(frame)
    # A fraction that rounds up to 1 in Blender's single precision is refused.
    fraction = min(frame - whole, 1 - 2**-20)
    scene.frame_set(whole, subframe=fraction)
