"""A take checked against its camera in Blender's window, with a picture of every stop.

    python tests/window/run_walk.py tests/window/walk_check.py

Runs inside Blender. The take's record is then changed to say that 1 / 1.3 of the move was asked for, so that its camera
goes too far.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import bpy
from mathutils import Euler

sys.path.insert(0, str(Path(__file__).parent))
from stage import (
    HERE,
    Steps,
    import_bike,
    in_view,
    install,
    open_sidebar,
    picture,
    report,
    run,
    scroll_down,
    until_idle,
    view_area,
)


def key_move(scene: bpy.types.Scene, factor: float) -> None:
    camera = scene.camera
    camera.animation_data_clear()
    camera.location = (0.0, 0.0, 0.0)
    camera.keyframe_insert("location", frame=scene.frame_start)
    camera.location = (0.1 * factor, 0.25 * factor, 0.3 * factor)
    camera.keyframe_insert("location", frame=(scene.frame_start + scene.frame_end) // 2)
    camera.location = (0.5 * factor, 0.3 * factor, 0.1 * factor)
    camera.keyframe_insert("location", frame=scene.frame_end)


def ask_for_less(metadata: Path, factor: float) -> None:
    sidecar = json.loads(metadata.read_text())
    for pose in sidecar["metadata"]["camera_to_world"]:
        for row in pose[:3]:
            row[3] /= factor
    metadata.write_text(json.dumps(sidecar))


def look_from_above() -> None:
    """The paths as they lie before the motorcycle, large enough to tell them apart."""
    view = view_area().spaces.active.region_3d
    view.view_perspective = "PERSP"
    view.view_location, view.view_distance = (0.6, 0.4, 0.0), 2.2
    view.view_rotation = Euler((math.radians(62), 0, math.radians(18))).to_quaternion()


def walk() -> Steps:
    install()
    yield from open_sidebar()
    yield from import_bike("check.blend")
    scene = bpy.context.scene
    scene.realcam.preview_method, scene.realcam.clip_frames = "WORKBENCH", 8
    key_move(scene, 1.3)
    in_view("generate")
    yield from until_idle()
    scroll_down()
    in_view("check_camera")
    yield 4.0
    picture("check-1-solving")
    yield from until_idle()
    look_from_above()
    scroll_down()
    yield 2.0
    picture("check-2-follows")
    ask_for_less(HERE / "realcam" / "shot" / "take_001" / "metadata.json", 1.3)
    key_move(scene, 1.0)
    in_view("check_camera")
    yield from until_idle()
    yield 1.0
    scene.frame_set(48)
    scroll_down()
    yield 2.0
    picture("check-3-too-far")
    (camera,) = (o for o in scene.objects if "realcam_check" in o)
    found = json.loads(camera["realcam_check"])
    names = [o.name for o in scene.objects]
    bpy.ops.ed.undo()
    yield 1.0
    picture("check-4-undone")
    cameras = [o for o in bpy.context.scene.objects if "realcam_check" in o]
    report(
        {
            "findings": found["findings"],
            "objects": names,
            "after undo": [json.loads(o["realcam_check"])["findings"] for o in cameras],
        }
    )


run(walk())
