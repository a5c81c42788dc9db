"""Which camera Blender renders at each frame of a range: the scene's, or those that timeline markers are bound to."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

_NAMED = 3
"""How many parts of a cut shot a sentence names."""


@dataclass(frozen=True)
class CameraRange:
    """Frames that are rendered through one camera.

    Holds a Blender pointer: use it at once.

    Attributes:
        first: First frame.
        last: Last frame, included.
        camera: The camera object; None when the scene has none.
    """

    first: int
    last: int
    camera: bpy.types.Object | None


def shot_camera(scene: bpy.types.Scene, frame: int) -> bpy.types.Object | None:
    """The camera that Blender renders at a frame, None when the scene has none.

    That of the last marker with a camera at or before the frame; before the first such marker, of that one; the
    scene's active camera where no marker has one.
    """
    bound = [marker for marker in scene.timeline_markers if marker.camera and not marker.camera.hide_render]
    if not bound:
        return scene.camera
    before = [marker for marker in bound if marker.frame <= frame]
    if before:
        return max(before, key=lambda marker: marker.frame).camera
    return min(bound, key=lambda marker: marker.frame).camera


def has_camera_markers(scene: bpy.types.Scene) -> bool:
    """Whether markers say which camera is rendered."""
    return any(marker.camera and not marker.camera.hide_render for marker in scene.timeline_markers)


def cut_sentence(scene: bpy.types.Scene, first: int, last: int) -> tuple[str, str, str] | None:
    """What happened, why and what to do when a range of frames is rendered through several cameras; None when not.

    Args:
        scene: The scene.
        first: First frame of the range.
        last: Last frame, included.
    """
    ranges = camera_ranges(scene, first, last) if first <= last else []
    if len(ranges) < 2:
        return None
    parts = [f"frames {part.first} to {part.last} {_name(part.camera)}" for part in ranges[:_NAMED]]
    more = [] if len(ranges) <= _NAMED else [f"{len(ranges) - _NAMED} more"]
    return (
        "Markers cut to another camera within the shot",
        ", ".join([*parts, *more]),
        "A clip holds one camera: choose the frames of one of them.",
    )


def _name(camera: bpy.types.Object | None) -> str:
    return "no camera" if camera is None else str(camera.name)


def camera_ranges(scene: bpy.types.Scene, first: int, last: int) -> list[CameraRange]:
    """A range of frames, divided where another camera is rendered.

    Args:
        scene: The scene.
        first: First frame of the range.
        last: Last frame, included; not before the first.
    """
    changes = {first, *(m.frame for m in scene.timeline_markers if m.camera and first < m.frame <= last)}
    found: list[CameraRange] = []
    for frame in sorted(changes):
        camera = shot_camera(scene, frame)
        if found and found[-1].camera == camera:
            continue
        if found:
            found[-1] = CameraRange(found[-1].first, frame - 1, found[-1].camera)
        found.append(CameraRange(frame, last, camera))
    return found
