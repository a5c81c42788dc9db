"""The panel's choices as a request, and what stands in its way."""

from __future__ import annotations

import bpy

from ..core.errors import RealCamError
from ..core.shot import ShotSettings
from ..generation.jobs import check_engine, jobs
from ..generation.shot_run import ShotRequest
from ..shot import check_shot
from . import engine_choice
from .preferences import server_settings


def shot_request(scene: bpy.types.Scene) -> ShotRequest:
    """What Generate would ask for now."""
    shot = scene.realcam
    first, last = shot.frame_range()
    return ShotRequest(
        scene=scene.name,
        camera=scene.camera.name if scene.camera is not None else "",
        title=shot.name.strip() or "shot",
        settings=ShotSettings(
            engine=shot.engine_name,
            prompt=shot.prompt,
            negative_prompt=shot.negative_prompt,
            seed=shot.seed,
            options=engine_choice.option_values(shot),
        ),
        size=(shot.clip_width, shot.clip_height),
        frames=shot.clip_frames,
        frame_start=first,
        frame_end=last,
        method="workbench" if shot.preview_method == "WORKBENCH" else "eevee",
    )


def preview_problems(scene: bpy.types.Scene) -> list[str]:
    """Why no preview can be rendered, in sentences. Cheap: it is asked at every redraw."""
    first, last = scene.realcam.frame_range()
    return [problem.sentence for problem in check_shot(scene, first, last)]


def problems(scene: bpy.types.Scene) -> list[str]:
    """Why Generate is greyed out, in sentences."""
    found = preview_problems(scene)
    if not bpy.data.is_saved:
        found.append("The file is not saved: clips are kept in a folder beside it. Save it first.")
    request = shot_request(scene)
    try:
        server_settings()
        if jobs.connected:
            check_engine(jobs.engines, request.settings.engine, request.size, request.frames)
    except RealCamError as error:
        found.append(error.sentence)
    return found
