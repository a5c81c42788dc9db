"""Run in a process of its own, in an environment that has Blender and nothing of ours: installs the zip, builds a
scene and has its clip made by the zip's own server.

Arguments: the zip, the address of the server, and what to kill when the clip is being made: `servers` (the worker in
the first attempt, the server in the second), of the demo, or `blender` (this process), of a photo alone. The next run,
told `nothing`, takes up what this one left. Prints `REPORT` and JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import bpy  # isort: skip
import addon_utils  # isort: skip

NAME = "bl_ext.user_default.realcam"
FRAMES = 16
EXTENSION, ADDRESS, KILL = sys.argv[1:]
BLEND = Path.home() / "shot.blend"
EDGE_OF_FLOOR = ((0.0, 0.97), (0.19, 0.765), (0.8, 0.765), (1.0, 0.97))
POUF = ((0.21, 0.87), (0.25, 0.79), (0.32, 0.8), (0.34, 0.9), (0.29, 0.96), (0.22, 0.93))


def end_with_the_error(*error: Any) -> None:
    """Blender as a module may hang at its end while the add-on is enabled."""
    traceback.print_exception(*error)
    sys.stderr.flush()
    os._exit(1)


sys.excepthook = end_with_the_error

bpy.ops.wm.read_factory_settings(use_empty=True)
addon_utils.enable("bl_pkg")
bpy.ops.extensions.package_install_files(
    filepath=EXTENSION, repo="user_default", enable_on_install=True, overwrite=True
)
bpy.context.preferences.addons[NAME].preferences.server_address = ADDRESS

import psutil  # noqa: E402  (the zip's)


def ours(name: str) -> Any:
    return importlib.import_module(f"{NAME}.{name}")


jobs, runtime = ours("generation.jobs").jobs, ours("ui.jobs.runtime").runtime
server_settings = ours("ui.preferences").server_settings
killed: list[str] = []


def kill_on_the_way(view: Any) -> None:
    if view.phase.value != "Generating" or not view.done:
        return
    if KILL == "blender":
        psutil.Process().kill()
    if len(killed) == 2:
        return
    for server in [child for child in psutil.Process().children() if "start.py" in " ".join(child.cmdline())]:
        for victim in server.children() if not killed else [server]:
            killed.append(" ".join(victim.cmdline()[1:3]))
            victim.kill()


def demo() -> Any:
    """The demo's scene."""
    bpy.ops.realcam.try_demo()
    return bpy.data.scenes["Living Room"]


def photo_alone() -> Any:
    """The scene of the demo's photo without its depth: a floor, three walls and what stands on the carpet."""
    addon = Path(ours("ui").__file__).parents[1]
    photo = Path(shutil.copy(addon / "demo_photo" / "living_room.jpg", Path.home() / "alone.jpg"))
    scene = bpy.context.scene
    scene.name = scene.realcam.name = "Alone"
    scene.realcam.photo.photo_path = str(photo)
    bpy.ops.realcam.ground_and_walls(horizon_left=0.48, horizon_right=0.48, camera_height=1.3)
    bpy.ops.realcam.add_wall(points=[{"name": "", "place": place} for place in EDGE_OF_FLOOR])
    bpy.ops.realcam.cut_out(points=[{"name": "", "place": place} for place in POUF])
    scene.camera.keyframe_insert("location", frame=1)
    scene.camera.location.y += 0.4
    scene.camera.keyframe_insert("location", frame=FRAMES)
    scene.realcam.clip_width, scene.realcam.clip_height = 512, 320
    return scene


def generate() -> tuple[Any, Any]:
    """A scene and the take that was made in it."""
    scene = photo_alone() if KILL == "blender" else demo()
    scene.realcam.clip_frames = scene.frame_end = FRAMES
    scene.realcam.preview_method = "WORKBENCH"
    if KILL == "blender":
        bpy.ops.wm.save_as_mainfile(filepath=str(BLEND))
    request = ours("ui.shot.requests").shot_request(scene)
    finished = ours("generation.blocking").generate_blocking(
        jobs, request, server_settings(), runtime.records(), on_view=kill_on_the_way
    )
    return scene, finished.take


def take_up() -> tuple[Any, Any]:
    """The scene and the take of the job that the killed Blender left."""
    bpy.ops.wm.open_mainfile(filepath=str(BLEND))
    runtime.refresh_pending()
    (record,) = runtime.pending
    jobs.resume(record, server_settings(), runtime.records())
    while jobs.busy and jobs.view.phase.value != "Importing the result":
        jobs.pump()
        time.sleep(0.01)
    assert jobs.view.phase.value == "Importing the result", jobs.view.error
    take = ours("generation.clip_import").import_clip(record)
    jobs.placed()
    return bpy.data.scenes["Alone"], take


scene, take = generate() if KILL != "nothing" else take_up()
(strip,) = scene.sequence_editor.strips_all if hasattr(scene.sequence_editor, "strips_all") else ()
report = {
    "killed": killed,
    "ready": [engine.name for engine in jobs.engines if not engine.unavailable],
    "take": take.frames,
    "strip": [int(strip.frame_final_start), int(strip.frame_final_duration)],
}
addon_utils.disable(NAME, default_set=True)
print("REPORT", json.dumps(report), flush=True)
# Blender 4.5 as a module hangs at its end after a file was opened.
os._exit(0)
