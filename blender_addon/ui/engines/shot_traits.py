"""What of the scene's shot decides which engine loses something of it. Fast enough for every redraw."""

from __future__ import annotations

import bpy

from ...blender_versions import fcurves_of
from ...core.protocol.engine_comparison import ShotTraits, about_tokens
from ...shot.fingerprint import shot_fingerprint
from ...shot.shot_camera import shot_camera
from .. import clip_format
from ..preview_state import preview_state

LENS = ("lens", "angle", "sensor_width", "sensor_height", "shift_x", "shift_y")
"""What of a camera's data, animated, changes what a frame shows."""


def shot_traits(scene: bpy.types.Scene) -> ShotTraits:
    """The traits of the scene's shot; what the photo sees, and where the shot begins, a preview or an estimate says."""
    shot = scene.realcam
    first, last = shot.frame_range()
    of = shot_fingerprint(scene, first, last)
    seen = preview_state.coverage_of(of)
    return ShotTraits(
        size=clip_format.clip_size(shot),
        frames=clip_format.clip_frames(shot),
        words=bool(shot.prompt.strip()),
        last_image=bool(shot.last_image.strip()),
        zooms=_zooms(shot_camera(scene, first)),
        seen=None if seen is None else float(seen.min()),
        first_seen=None if seen is None else float(seen[0]),
        away=preview_state.away_of(of),
        prompt_tokens=about_tokens(shot.prompt),
    )


def _zooms(camera: bpy.types.Object | None) -> bool:
    """Whether keyframes change the camera's lens. Drivers are not followed."""
    if camera is None or camera.type != "CAMERA":
        return False
    curves = [curve for curve in fcurves_of(camera.data) if curve.data_path in LENS]
    return any(len({key.co.y for key in curve.keyframe_points}) > 1 for curve in curves)
