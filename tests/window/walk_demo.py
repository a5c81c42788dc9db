"""The first minutes in the window: the demo photo, the workspace for a shot, a clip in a file without a name."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from stage import Steps, in_view, install, of_addon, open_sidebar, picture, report, run, until_idle, until_operators_end


def walk() -> Steps:
    install()
    yield from open_sidebar()
    picture("demo-1-installed")
    yield 0.5
    began = time.monotonic()
    in_view("try_demo")
    yield 3.0
    picture("demo-2-demo")
    in_view("shot_workspace")
    yield 3.0
    picture("demo-3-workspace")
    in_view("generate")
    yield from until_operators_end()
    jobs = of_addon("generation.jobs").jobs
    while jobs.busy and jobs.view.phase.value != "Generating":
        yield 0.2
    yield 1.5
    picture("demo-generating")
    yield from until_idle()
    seconds = time.monotonic() - began
    yield 2.0
    bpy.context.scene.frame_set(40)
    yield 2.0
    picture("demo-4-clip")
    addon = next(name for name in bpy.context.preferences.addons if name.endswith(".realcam"))
    in_view("connect")
    yield 2.0
    bpy.ops.preferences.addon_show(module=addon)
    yield 3.0
    picture("demo-5-preferences")
    scene = bpy.context.scene
    report({"seconds": seconds, "scene": scene.name, "takes": len(scene.realcam.takes), "saved": bpy.data.filepath})


run(walk())
