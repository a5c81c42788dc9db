"""An artist's whole work on a shot, by plan: import, camera with keyframes, preview, clip, timeline, save."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from .. import ui
from ..core.camera.moves import MOVES
from ..core.depth.depth_format import DepthFormat
from ..core.payloads.headless_plan import HeadlessPlan, HeadlessReport
from ..core.payloads.import_request import DepthFile, ImportRequest
from ..core.protocol.server_address import ServerAddress
from ..core.version import addon_software
from ..datablocks import reference
from ..generation.blocking import FinishedShot, generate_blocking
from ..generation.job_events import ServerSettings
from ..generation.job_records import JobRecords
from ..generation.job_view import JobView, Phase
from ..generation.jobs import jobs
from ..generation.shot_job import ShotRequest
from ..scene import PhotoScene, import_photo
from ..scene.importing.first_look import camera_to_animate
from ..shot import bake_move

Say = Callable[[HeadlessReport], None]

SHOWN = (Phase.PREVIEW, Phase.SENDING, Phase.RUNNING, Phase.FETCHING)
"""The phases that are reported as progress."""


def run_plan(plan: HeadlessPlan, say: Say) -> None:
    """Carry out a plan with the add-on registered, as it is in a window.

    Args:
        plan: What to do.
        say: Called with each report.

    Raises:
        RealCamError: A step failed, with the sentence that the panel would show.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    ui.register()
    try:
        _run(plan, say)
    finally:
        ui.unregister()


def _run(plan: HeadlessPlan, say: Say) -> None:
    scene = bpy.context.scene
    _set_up(scene, plan)
    with _timed(say, "import the photo"):
        photo = import_photo(scene, _import_request(plan))
    with _timed(say, "animate the camera"):
        keys = _animate(scene, photo, plan)
        # Paths in the file and the take's folder are relative to it.
        bpy.ops.wm.save_as_mainfile(filepath=plan.blend)
    summary = f"{photo.summary}; {keys} keyframes over frames {plan.frame_start} to {plan.frame_end}"
    finished = _generate(scene, plan, say)
    with _timed(say, "save the Blender file"):
        _write_preview(finished, Path(plan.preview_frames))
        bpy.ops.file.make_paths_relative()
        bpy.ops.wm.save_mainfile()
    say(
        HeadlessReport(
            stage="done",
            take_folder=str(Path(plan.blend).parent / finished.take.folder.removeprefix("//")),
            coverage=finished.preview.coverage.tolist(),
            summary=summary,
        )
    )


def _set_up(scene: bpy.types.Scene, plan: HeadlessPlan) -> None:
    scene.frame_start, scene.frame_end = plan.frame_start, plan.frame_end
    scene.render.fps = plan.scene_fps
    scene.render.resolution_x, scene.render.resolution_y = plan.render_size
    shot = scene.realcam
    shot.name, shot.prompt, shot.seed = plan.title, plan.settings.prompt, plan.settings.seed
    shot.engine_name = plan.settings.engine
    shot.clip_width, shot.clip_height = plan.clip_size
    shot.clip_frames = plan.clip_frames
    shot.last_image = plan.last_image


def _import_request(plan: HeadlessPlan) -> ImportRequest:
    depth_format = plan.depth_format or DepthFormat.of(plan.depth_scale, plan.disparity)
    depth = DepthFile(Path(plan.depth), depth_format)
    return ImportRequest(Path(plan.photo), depth, plan)


def _animate(scene: bpy.types.Scene, photo: PhotoScene, plan: HeadlessPlan) -> int:
    """Bake the planned moves onto a camera of its own; returns how many keyframes were written."""
    camera = scene.camera = camera_to_animate(scene, photo)
    pivot = plan.pivot or photo.subject_distance()
    keys = 0
    for move in plan.moves:
        has_pivot = any(parameter.name == "pivot" for parameter in MOVES[move.name].parameters)
        values = {**({"pivot": pivot} if has_pivot else {}), **move.values}
        scene.frame_set(move.first)
        keys += bake_move(scene, camera, move.name, values, move.first, move.last, easing=move.easing)
    scene.frame_set(plan.frame_start)
    return keys


def _generate(scene: bpy.types.Scene, plan: HeadlessPlan, say: Say) -> FinishedShot:
    folder = Path(plan.preview_frames).parent / "logs"
    request = ShotRequest(
        scene=reference(scene),
        camera=reference(scene.camera),
        title=plan.title,
        settings=plan.settings,
        size=plan.clip_size,
        frames=plan.clip_frames,
        frame_start=plan.frame_start,
        frame_end=plan.frame_end,
        last_image=plan.last_image,
    )
    server = ServerSettings(
        address=ServerAddress(plan.host, plan.control_port, plan.data_port),
        command="",
        client_id="headless",
        software=addon_software(bpy.app.version_string, headless=True),
        log=folder / "server.log",
        start_locally=False,
    )
    finished = generate_blocking(
        jobs,
        request,
        server,
        JobRecords(folder / "records"),
        background=scene.realcam.show_in_background,
        on_view=_reporter(say),
    )
    for phase, seconds in finished.seconds.items():
        say(HeadlessReport(stage=phase, seconds=seconds))
    return finished


def _reporter(say: Say) -> Callable[[JobView], None]:
    def on_view(view: JobView) -> None:
        if view.phase in SHOWN and view.total:
            # Bytes make a poor progress bar: they are shown in hundredths.
            bytes_moved = view.phase in (Phase.SENDING, Phase.FETCHING)
            step, steps = (round(100 * view.factor), 100) if bytes_moved else (view.done, view.total)
            say(HeadlessReport(stage=view.phase.value, step=step, steps=steps))

    return on_view


def _write_preview(finished: FinishedShot, folder: Path) -> None:
    """Write the preview as it was sent, as PNG files with alpha."""
    folder.mkdir(parents=True, exist_ok=True)
    _, height, width, _ = finished.preview.frames.shape
    image = bpy.data.images.new("RealCam preview frame", width, height, alpha=True)
    image.alpha_mode = "CHANNEL_PACKED"
    image.file_format = "PNG"
    for index, frame in enumerate(finished.preview.frames):
        image.pixels.foreach_set((frame[::-1].astype(np.float32) / 255.0).ravel())
        image.save(filepath=str(folder / f"{index:04d}.png"))
    bpy.data.images.remove(image)


@contextmanager
def _timed(say: Say, stage: str) -> Iterator[None]:
    say(HeadlessReport(stage=stage))
    began = time.perf_counter()
    yield
    say(HeadlessReport(stage=stage, seconds=time.perf_counter() - began))
