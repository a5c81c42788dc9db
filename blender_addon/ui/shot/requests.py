"""The panel's choices as a request, and what keeps it from being made."""

from __future__ import annotations

import bpy
import msgspec

from ...blend_paths import blend_path
from ...core.arrays import Float64
from ...core.errors import RealCamError
from ...core.payloads.shot import ShotSettings
from ...core.protocol.engine_checks import check_clip_engine
from ...datablocks import reference
from ...disk_looks import looks
from ...generation.jobs import jobs
from ...generation.shot_job import ShotRequest
from ...generation.user_files import client_id
from ...scene import find_photo_scene
from ...shot import Problem, check_output, check_shot
from ...shot.check_shot import check_file_name
from ...shot.fingerprint import Fingerprint, shot_fingerprint
from ...shot.preview_layers import layers_left_out
from ...shot.shot_camera import shot_camera
from ...timeline.take_folders import ROOT
from ...timeline.takes import clips_folder
from .. import clip_format, engine_choice
from ..engine_options import option_values, values_on
from ..preferences import server_address
from ..preview_state import preview_state


def shot_request(scene: bpy.types.Scene) -> ShotRequest:
    """The request that Generate would start now."""
    shot = scene.realcam
    first, last = shot.frame_range()
    camera = shot_camera(scene, first)
    settings = ShotSettings(
        engine=shot.engine_name,
        prompt=shot.prompt,
        negative_prompt=shot.negative_prompt,
        seed=shot.seed,
        options=option_values(shot),
    )
    return ShotRequest(
        scene=reference(scene),
        camera=None if camera is None else reference(camera),
        title=shot.name.strip() or "shot",
        settings=settings,
        also=tuple(
            msgspec.structs.replace(settings, engine=engine.name, options=values_on(shot, engine.options))
            for engine in engine_choice.also_engines(shot)
        ),
        size=clip_format.clip_size(shot),
        frames=clip_format.clip_frames(shot),
        frame_start=first,
        frame_end=last,
        method="workbench" if shot.preview_method == "WORKBENCH" else "eevee",
        last_image=shot.last_image if engine_choice.ends_at_an_image(shot) else "",
    )


def shot_problems(scene: bpy.types.Scene, coverage: Float64 | None = None) -> list[Problem]:
    """What is wrong with the shot itself. Fast enough for every redraw.

    Args:
        scene: The scene.
        coverage: [F] share of each frame that the photo sees, 0 to 1; None when it is not known.
    """
    first, last = scene.realcam.frame_range()
    return check_shot(scene, first, last, coverage)


def left_out(scene: bpy.types.Scene) -> list[str]:
    """What a preview would not see though it should, in sentences. Reads images: for an operator, not for a draw."""
    photo = find_photo_scene(scene)
    return [] if photo is None else layers_left_out(photo)


def fingerprint(scene: bpy.types.Scene) -> Fingerprint:
    """The fingerprint of the scene's shot; it changes when the shot does."""
    return shot_fingerprint(scene, *scene.realcam.frame_range())


def problems(scene: bpy.types.Scene) -> list[str]:
    """Why Generate is greyed out, in sentences; empty when it is not."""
    known = preview_state.coverage_of(fingerprint(scene))
    folder = clips_folder() / ROOT
    kept: list[Problem] = looks.answer(("clips", folder), lambda: check_output(folder), [])
    wrong = [*shot_problems(scene, known), *kept]
    found = [problem.sentence for problem in wrong if problem.severity == "error"]
    request = shot_request(scene)
    ending = blend_path(request.last_image)
    if request.last_image and not looks.answer(("last image", ending), ending.is_file, True):
        found.append(f"The last image is not there: {request.last_image}. Choose another file, or none.")
    try:
        check_file_name()
        server_address()
        client_id()
        if jobs.connected:
            for settings in (request.settings, *request.also):
                check_clip_engine(jobs.engines, settings.engine, request.size, request.frames)
    except RealCamError as error:
        found.append(error.sentence)
    return found
