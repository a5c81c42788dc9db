"""The scale set by two clicks of a real mouse in Blender's window, with a picture of every stop.

    python tests/window/run_walk.py tests/window/walk_scale.py

Runs inside Blender; needs xdotool there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from stage import (
    Steps,
    import_bike,
    in_view,
    install,
    open_sidebar,
    picture,
    region_of,
    report,
    run,
    until_operators_end,
    view_area,
)


def mouse(across: float, up: float, *buttons: str) -> None:
    """Move to a share of the 3D view's width and height, then click."""
    region = region_of(view_area(), "WINDOW")
    x = region.x + int(region.width * across)
    y = bpy.context.window.height - (region.y + int(region.height * up))
    subprocess.run(["xdotool", "mousemove", str(x), str(y)], check=True)
    for button in buttons:
        subprocess.run(["xdotool", "click", button], check=True)


def cleaning_is_shown() -> bool:
    return any("realcam_cleaning" in subject for subject in bpy.data.objects)


def walk() -> Steps:
    install()
    yield from open_sidebar()
    yield from import_bike("scale.blend")
    space = view_area().spaces.active
    space.shading.type = "MATERIAL"
    space.region_3d.view_perspective = "CAMERA"
    bpy.ops.realcam.connect()
    yield 1.5
    mouse(0.5, 0.5)
    in_view("show_cleaning")
    bpy.ops.realcam.stop_depth_analysis()
    yield from until_operators_end()
    yield 1.0
    stopped = not cleaning_is_shown()
    in_view("show_cleaning")
    subprocess.run(["xdotool", "key", "Escape"], check=True)
    yield 0.1
    picture("scale-0-looking")
    yield from until_operators_end()
    # Shaders are compiled meanwhile.
    yield 12.0
    goes_on = cleaning_is_shown()
    picture("scale-1-cleaning")
    bpy.ops.ed.undo()
    yield 1.0
    undone = not cleaning_is_shown()
    in_view("toggle_cleaning", step="FLYING")
    yield from until_operators_end()
    yield 2.0
    picture("scale-1-flying-left-out")
    in_view("toggle_cleaning", step="FLYING")
    in_view("pick_scale_points")
    yield 0.5
    mouse(0.20, 0.30, "1")
    yield 1.0
    picture("scale-2-one-point")
    # Far enough that the dialog, which opens at the mouse, leaves some of the line to be seen.
    mouse(0.62, 0.60, "1")
    yield 3.0
    picture("scale-3-dialog")
    subprocess.run(["xdotool", "key", "Return"], check=True)
    yield 1.0
    scene = bpy.context.scene
    bpy.ops.realcam.set_scale(source="POINTS", start=(0, 2, 0), end=(0, 2, 1), distance=1.5)
    yield 1.0
    picture("scale-4-rescaled")
    record = json.loads(next(o for o in scene.objects if "realcam_photo" in o)["realcam_photo"])
    report(
        {"scale": record["scale"], "stopped by its button": stopped, "goes on after Escape": goes_on, "undone": undone}
    )


run(walk())
