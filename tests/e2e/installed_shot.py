"""Run in a process of its own, in an environment that has Blender and nothing of ours: installs the zip, builds the
demo and has its clip made by the zip's own server, whose worker and which itself are killed on the way.

Arguments: the zip, and the address of the server. Prints `REPORT` and JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import bpy  # isort: skip
import addon_utils  # isort: skip

NAME = "bl_ext.user_default.realcam"
CLIP_SIZE, FRAMES = (768, 432), 16

bpy.ops.wm.read_factory_settings(use_empty=True)
addon_utils.enable("bl_pkg")
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
bpy.context.preferences.addons[NAME].preferences.server_address = sys.argv[2]


def ours(name: str) -> Any:
    return importlib.import_module(f"{NAME}.{name}")


import psutil  # noqa: E402

killed: list[str] = []


def kill_on_the_way(view: Any) -> None:
    """Kill the worker in its first attempt, and the server in the second."""
    if view.phase.value != "Generating" or not view.done or len(killed) == 2:
        return
    servers = [child for child in psutil.Process().children() if "start.py" in " ".join(child.cmdline())]
    for server in servers:
        victims = server.children() if not killed else [server]
        for victim in victims:
            killed.append(" ".join(victim.cmdline()[1:3]))
            victim.kill()


bpy.ops.realcam.try_demo()
scene = bpy.data.scenes["Living Room"]
scene.realcam.clip_frames = FRAMES
scene.realcam.preview_method = "WORKBENCH"
scene.frame_end = FRAMES
finished = ours("generation.blocking").generate_blocking(
    ours("generation.jobs").jobs,
    ours("ui.shot.requests").shot_request(scene),
    ours("ui.preferences").server_settings(),
    ours("ui.jobs.runtime").runtime.records(),
    on_view=kill_on_the_way,
)
(strip,) = scene.sequence_editor.strips_all if hasattr(scene.sequence_editor, "strips_all") else ()
report = {
    "killed": killed,
    "server": ours("generation.jobs").jobs.server_software,
    "ready": [engine.name for engine in ours("generation.jobs").jobs.engines if not engine.unavailable],
    "seconds": finished.seconds,
    "frames": finished.take.frames if hasattr(finished.take, "frames") else None,
    "strip": [strip.frame_final_start, strip.frame_final_duration],
    "imports": [str(Path(sys.modules[name].__file__ or "")) for name in ("zmq", "msgspec", NAME)],
}
addon_utils.disable(NAME, default_set=True)
print("REPORT", json.dumps(report))
