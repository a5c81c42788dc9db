"""A cut by timeline markers in the window: the sentence, the buttons, and one of them pressed.

    python tests/window/run_walk.py tests/window/walk_cut.py

Runs inside Blender.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from stage import Steps, in_view, install, open_sidebar, picture, report, run, scroll_down


def walk() -> Steps:
    install()
    yield from open_sidebar()
    in_view("try_demo")
    yield 3.0
    scene = bpy.context.scene
    first = scene.camera
    second = bpy.data.objects.new("Close-up", first.data.copy())
    scene.collection.objects.link(second)
    for frame, camera in ((scene.frame_start, first), (scene.frame_start + 20, second)):
        scene.timeline_markers.new(camera.name, frame=frame).camera = camera
    scene.frame_set(scene.frame_start + 25)
    yield 2.0
    scroll_down()
    yield 1.0
    picture("cut-1-said")
    in_view("use_camera_range", first=scene.frame_start + 20, last=scene.frame_end)
    yield 2.0
    picture("cut-2-chosen")
    report({"range": list(scene.realcam.frame_range()), "can": bpy.ops.realcam.generate.poll()})


run(walk())
