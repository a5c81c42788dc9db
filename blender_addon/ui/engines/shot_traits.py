"""What of the scene's shot decides which engine loses something of it. Fast enough for every redraw."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ...blender_versions import fcurves_of
from ...core.protocol.capability import EngineOption
from ...core.protocol.engine_comparison import ShotTraits, about, about_tokens
from ...generation.jobs import jobs
from ...shot.fingerprint import shot_fingerprint
from ...shot.shot_camera import shot_camera
from .. import clip_format
from ..engine_options import values_on
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
        options=values_on(shot, _options_with_a_say()),
    )


def _options_with_a_say() -> Iterator[EngineOption]:
    """The options of the server's engines that facts on them name: those that scale the way to a shot's beginning."""
    for engine in jobs.engines:
        facts = about(engine)
        if facts is not None and facts.beginning is not None:
            yield from (option for option in engine.options if option.name == facts.beginning.scale_option)


def _zooms(camera: bpy.types.Object | None) -> bool:
    """Whether keyframes change the camera's lens. Drivers are not followed."""
    if camera is None or camera.type != "CAMERA":
        return False
    curves = [curve for curve in fcurves_of(camera.data) if curve.data_path in LENS]
    return any(len({key.co.y for key in curve.keyframe_points}) > 1 for curve in curves)
