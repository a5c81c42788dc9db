"""The demo photo without its depth becomes a clip: horizon, walls and a cut-out drawn with a real mouse.

    python tests/window/run_walk.py tests/window/walk_ground_and_walls.py --zip-alone

Runs inside Blender; needs xdotool there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from stage import (
    HERE,
    Steps,
    in_view,
    install,
    of_addon,
    open_sidebar,
    picture,
    region_of,
    report,
    run,
    until_idle,
    until_operators_end,
    view_area,
)

EDGE_OF_FLOOR = ((0.0, 0.97), (0.19, 0.765), (0.8, 0.765), (1.0, 0.97))
"""Where floor and walls of the demo photo meet; at its sides behind other things."""
POUF = (
    *((0.21, 0.87), (0.22, 0.82), (0.25, 0.79), (0.29, 0.785), (0.32, 0.8), (0.34, 0.84), (0.34, 0.9), (0.32, 0.94)),
    *((0.29, 0.96), (0.25, 0.955), (0.22, 0.93)),
)
"""Around the seat on the carpet."""


def xdotool(*words: object) -> None:
    subprocess.run(["xdotool", *map(str, words)], check=True)


def on_screen(place: tuple[float, float]) -> tuple[int, int]:
    """A point of the photo as the mouse counts."""
    area = view_area()
    region = region_of(area, "WINDOW")
    photo = of_addon("scene").find_photo_scene(bpy.context.scene)
    view = of_addon("ui.layout.photo_view").PhotoView(photo, region, area.spaces.active.region_3d)
    x, y = view.pixel(place)
    return round(region.x + x), round(bpy.context.window.height - (region.y + y))


def click(place: tuple[float, float]) -> Steps:
    xdotool("mousemove", *on_screen(place))
    yield 0.2
    xdotool("click", 1)
    yield 0.6


def drag(*way: tuple[float, float]) -> Steps:
    xdotool("mousemove", *on_screen(way[0]))
    yield 0.3
    xdotool("mousedown", 1)
    yield 0.3
    for place in way[1:]:
        xdotool("mousemove", *on_screen(place))
        yield 0.2


def key(name: str) -> Steps:
    xdotool("key", name)
    yield 1.2


def layout() -> Any:
    photo = of_addon("scene").find_photo_scene(bpy.context.scene)
    return of_addon("scene.editing.depth_layout").layout_in_metres(photo)


def walk() -> Steps:
    install()
    yield from open_sidebar()
    addon = Path(of_addon("ui").__file__).parents[1]
    lone = Path(shutil.copy(addon / "demo_photo" / "living_room.jpg", HERE / "lone.jpg"))
    # The photo chosen alone opens the sidebar at the ways to its depth.
    view_area().spaces.active.show_region_ui = False
    yield 1.0
    in_view("import_photo", filepath=str(lone))
    yield 2.0
    picture("ground-1-waits")
    in_view("ground_and_walls")
    yield 3.0
    picture("ground-2-first-guess")
    began = layout().ground.horizon
    yield from drag((0.5, 0.5), (0.5, 0.48), (0.5, 0.46), (0.5, 0.48))
    picture("ground-3-dragging")
    xdotool("mouseup", 1)
    yield 1.0
    dragged = layout().ground.horizon
    for place in EDGE_OF_FLOOR:
        yield from click(place)
    picture("ground-4-drawing")
    yield from key("Return")
    walls = len(layout().walls)
    picture("ground-5-walls")
    yield from key("ctrl+z")
    undone = len(layout().walls)
    yield from key("ctrl+shift+z")
    redone = len(layout().walls)
    yield from key("c")
    yield from drag(*POUF)
    picture("ground-6-lasso")
    xdotool("mouseup", 1)
    yield 1.5
    picture("ground-7-cut-out")
    yield from drag((0.29, 0.96), (0.28, 0.955), (0.28, 0.95))
    xdotool("mouseup", 1)
    yield 1.0
    foot = layout().cut_outs[0].foot
    yield from key("w")
    picture("ground-8-all")
    yield from key("Return")
    scene = bpy.context.scene
    scene.realcam.layout.camera_height = 1.3
    scene.realcam.layout.ceiling = 2.6
    in_view("select_layout_part", part="CUT_OUT", index=0)
    in_view("fit_cut_out", index=0)
    yield 1.5
    picture("ground-8-done")
    before = layout()
    in_view("edit_layout")
    yield 1.0
    yield from drag((0.97, 0.48), (0.97, 0.4), (0.97, 0.35))
    xdotool("mouseup", 1)
    yield 1.0
    picture("ground-9-tilted")
    yield from key("Escape")
    restored = layout() == before
    space = view_area().spaces.active
    space.region_3d.view_perspective = "PERSP"
    with bpy.context.temp_override(area=view_area(), region=region_of(view_area(), "WINDOW")):
        bpy.ops.view3d.view_all()
    yield 2.0
    picture("ground-10-from-outside")
    space.region_3d.view_perspective = "CAMERA"
    scene.frame_start, scene.frame_end = 1, 16
    camera = scene.camera
    camera.keyframe_insert("location", frame=1)
    camera.location.x += 0.5
    camera.location.y += 0.8
    camera.keyframe_insert("location", frame=16)
    scene.realcam.clip_frames = 16
    in_view("generate")
    yield from until_operators_end()
    yield from until_idle()
    yield 2.0
    scene.frame_set(15)
    yield 2.0
    picture("ground-11-clip")
    in_view("edit_layout")
    yield 2.0
    picture("ground-12-edited-later")
    yield from drag((0.97, 0.48), (0.97, 0.47))
    xdotool("mouseup", 1)
    yield 1.0
    yield from key("Return")
    yield 2.0
    picture("ground-13-camera-of-the-shot-again")
    stored = next(o["realcam_layout"] for o in scene.objects if "realcam_layout" in o)
    (HERE / "layout.json").write_text(stored)
    report(
        {
            "horizon": [began, dragged],
            "walls": [walls, undone, redone],
            "foot": foot,
            "Esc restores": restored,
            "films": scene.camera.name,
            "looks through": space.camera.name,
            "takes": len(scene.realcam.takes),
            "stored": len(json.loads(stored)["cut_outs"]),
        }
    )


run(walk())
