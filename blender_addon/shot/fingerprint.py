"""Whether the shot has changed since something was measured of it. Fast enough for a panel's draw."""

from __future__ import annotations

import bpy
import numpy as np

from ..blender_versions import fcurves_of
from ..scene.photo_scene import find_photo_scene
from .preview_layers import seen_layers
from .shot_camera import camera_ranges, shot_camera

Fingerprint = tuple[object, ...]

_PLACE = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")
_LENS = ("lens", "sensor_width", "sensor_height", "shift_x", "shift_y")


def shot_fingerprint(scene: bpy.types.Scene, frame_start: int, frame_end: int) -> Fingerprint:
    """A value that stays equal while the shot does.

    It holds the values, keyframes, parents and constraints' targets of the camera and the photo's mesh, the frame range
    and the render's frame. It does not depend on the scene frame that is shown. Drivers and NLA strips are ignored.

    Args:
        scene: The scene.
        frame_start: First frame of the shot.
        frame_end: Last frame of the shot, included.
    """
    render, photo = scene.render, find_photo_scene(scene)
    frame = (render.resolution_x, render.resolution_y, render.pixel_aspect_x, render.pixel_aspect_y)
    found: list[object] = [scene.session_uid, frame_start, frame_end, frame]
    seen: set[bpy.types.Object] = set()
    ranges = camera_ranges(scene, frame_start, frame_end) if frame_start <= frame_end else []
    found += [(part.first, None if part.camera is None else part.camera.session_uid) for part in ranges]
    for start in (shot_camera(scene, frame_start), photo.mesh if photo is not None else None):
        _describe(start, found, seen)
    if photo is not None:
        found.append((photo.vertices, photo.faces))
        found += [layer.session_uid for layer in seen_layers(photo)]
    return tuple(found)


def _describe(block: bpy.types.Object | None, found: list[object], seen: set[bpy.types.Object]) -> None:
    if block is None or block in seen:
        return
    seen.add(block)
    found += [block.session_uid, *_values(block, _PLACE)]
    if block.type == "CAMERA":
        found += _values(block.data, _LENS)
    _describe(block.parent, found, seen)
    for constraint in block.constraints:
        found.append((constraint.type, constraint.mute, constraint.influence))
        _describe(getattr(constraint, "target", None), found, seen)


def _values(block: bpy.types.ID, names: tuple[str, ...]) -> list[object]:
    """The keyframes of a block, and those of the named properties that no curve animates."""
    curves = fcurves_of(block)
    animated = {curve.data_path for curve in curves}
    values: list[object] = []
    for name in names:
        if name not in animated:
            value = getattr(block, name)
            values.append(value if isinstance(value, float) else tuple(value))
    for curve in curves:
        for part in ("co", "handle_left", "handle_right"):
            points = np.empty(2 * len(curve.keyframe_points), dtype=np.float32)
            curve.keyframe_points.foreach_get(part, points)
            values.append((curve.data_path, curve.array_index, points.tobytes()))
    return values
