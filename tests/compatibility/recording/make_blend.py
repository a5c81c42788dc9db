"""Writes fixtures/blend: shot.blend with an imported photo, one take on the timeline and a second job under way.

Runs in Blender 4.5 as a module (the `bpy` wheel), in a folder of its own with a neutral name, because a .blend and the
records of jobs hold absolute paths: HOME is the only one that they hold.

    shot.blend, bike.png, realcam/    what the artist has
    user/                             what the add-on keeps for itself: its client id, the record of the job under way
                                      and the shot kept for it, because its server went away before it was sent
    expected.json                     what the scene said of itself before it was saved
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from blender_addon.core.server_address import parse_address
from server.data.motorcycle import Motorcycle
from tests.blender_addon.ui.conftest import forget_everything, free_address
from tests.compatibility.engines_of_fixtures import ENGINES
from tests.server.service.running_server import RunningServer

HOME = Path("/tmp/realcam-fixture")
WIDTH, HEIGHT = 72, 48


def make_blend(bike: Motorcycle, target: Path) -> None:
    """Write it. Nothing else may use HOME meanwhile."""
    import bpy

    import blender_addon
    from blender_addon.generation import user_files

    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    user_files.user_folder = lambda: HOME / "user"
    (HOME / "user").mkdir()
    try:
        _import_photo(bpy, bike)
        place = parse_address(free_address())
        keys = target.parent / ".server"
        server = RunningServer(keys / "data", keys / "config", ("--engines", ENGINES), address=place)
        _make_take(bpy, server)
        _start_second_job(bpy, server)
        told = _told(bpy)
        bpy.ops.file.make_paths_relative()
        bpy.ops.wm.save_as_mainfile(filepath=str(HOME / "shot.blend"), compress=True)
        forget_everything()
    finally:
        blender_addon.unregister()
        shutil.rmtree(target.parent / ".server", ignore_errors=True)
    (HOME / "bike_depth.npy").unlink()
    for unwanted in HOME.glob("*.blend1"):
        unwanted.unlink()
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(HOME, target)
    (target / "expected.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(HOME)


def _import_photo(bpy: Any, bike: Motorcycle) -> None:
    """The photo at a tenth of its size, cleaned, cut at another edge, brought to another scale; a keyed camera."""
    Image.fromarray(bike.photo).resize((WIDTH, HEIGHT), Image.Resampling.BOX).save(HOME / "bike.png")
    rows, columns = np.linspace(0, 499, HEIGHT).astype(int), np.linspace(0, 740, WIDTH).astype(int)
    np.save(HOME / "bike_depth.npy", bike.depth[np.ix_(rows, columns)])
    bpy.ops.wm.save_as_mainfile(filepath=str(HOME / "shot.blend"))
    bpy.ops.realcam.import_photo(filepath=str(HOME / "bike.png"), focal_mm=48.2)
    bpy.ops.realcam.toggle_cleaning(step="FLYING")
    scene = bpy.context.scene
    scene.realcam.depth_edge = 0.08
    bpy.ops.realcam.set_scale(source="POINTS", start=(0.0, 0.0, 0.0), end=(0.0, 2.0, 0.0), distance=2.5)
    scene.frame_start, scene.frame_end = 1, 12
    scene.render.resolution_x, scene.render.resolution_y = 320, 200
    camera = scene.camera
    camera.keyframe_insert("location", frame=1)
    camera.location.x += 0.2
    camera.keyframe_insert("location", frame=12)


def _make_take(bpy: Any, server: RunningServer) -> None:
    """The choices of the panel, and a clip by Generate."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.generation.local_server import COMMAND_VARIABLE
    from blender_addon.ui.preferences import ADDRESS_VARIABLE
    from blender_addon.ui.runtime import pump

    os.environ[COMMAND_VARIABLE] = "no-such-program serve"
    os.environ["REALCAM_CONFIG_DIR"] = str(server.config_dir)
    server.start()
    os.environ[ADDRESS_VARIABLE] = f"127.0.0.1:{server.address.control_port}"
    settings = bpy.context.scene.realcam
    settings.name = "old shot"
    settings.preview_method = "WORKBENCH"
    settings.engine_name = "knobs"
    settings.clip_width, settings.clip_height, settings.clip_frames = 64, 40, 4
    settings.prompt, settings.negative_prompt, settings.seed = "ein Motorrad, grün", "blur", 7
    bpy.ops.realcam.connect()
    while not jobs.connected:
        pump()
        time.sleep(0.01)
    settings.options["grain"].float_value = 0.25
    settings.options["rounds"].int_value = 9
    settings.options["mirrored"].bool_value = True
    settings.options["look"].text_value = "rich"
    assert bpy.ops.realcam.generate() == {"FINISHED"}


def _start_second_job(bpy: Any, server: RunningServer) -> None:
    """Its server goes away while the preview renders: the shot is kept, the job is remembered."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.generation.shot_run import ShotRun
    from blender_addon.ui.preferences import server_settings
    from blender_addon.ui.requests import shot_request
    from blender_addon.ui.runtime import pump, runtime

    settings = bpy.context.scene.realcam
    settings.seed = 8
    run = ShotRun(jobs, shot_request(bpy.context.scene), server_settings(), runtime.records())
    while run.step():
        pump()
        if jobs.connected and server.process is not None and server.process.poll() is None:
            server.kill()
    while not jobs.view.phase.final:
        pump()
        time.sleep(0.01)
    assert jobs.view.resumable, jobs.view
    assert runtime.records().kept_shot(jobs.record.job_id).is_file()
    settings.seed = 9


def _told(bpy: Any) -> dict[str, Any]:
    """What the scene says of its photo, its take, its job and its settings."""
    from blender_addon.blender_versions import strip_span
    from blender_addon.generation.jobs import jobs
    from blender_addon.scene import find_photo_scene
    from blender_addon.timeline.strip import shot_strips
    from blender_addon.timeline.takes import takes_of
    from blender_addon.ui.requests import shot_request

    scene = bpy.context.scene
    photo = find_photo_scene(scene)
    (strip,) = shot_strips(scene, "old shot")
    request = shot_request(scene)
    record = photo.record
    return {
        "blender": bpy.app.version_string,
        "photo": {
            "size": record.photo_size,
            "intrinsics": record.intrinsics,
            "focal_source": record.focal_source,
            "scale": record.scale,
            "depth_edge": record.depth_edge,
            "cleaned": record.cleaned,
            "imported_at": record.imported_at,
            "vertices": photo.vertices,
            "faces": photo.faces,
            "subject_metres": photo.subject_distance(),
        },
        "takes": msgspec.to_builtins(takes_of(scene)),
        "strip": {"name": strip.name, "span": list(strip_span(strip)), "directory": strip.directory},
        "settings": msgspec.to_builtins(request.settings),
        "size": request.size,
        "frames": request.frames,
        "range": [request.frame_start, request.frame_end],
        "job": msgspec.to_builtins(jobs.record),
    }
