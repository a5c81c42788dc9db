"""The scale set by two clicks of a real mouse in Blender's window, with a picture of every stop.

    python tests/window/run_walk.py tests/window/walk_scale.py

Runs inside Blender; needs xdotool there.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import traceback
from collections.abc import Generator
from pathlib import Path

import bpy

HERE = Path(os.environ["REALCAM_WALK"])
Steps = Generator[float, None, None]


def picture(name: str) -> None:
    subprocess.run(["shot", f"scale-{name}"], check=False)


def view() -> tuple[bpy.types.Area, bpy.types.Region]:
    area = next(area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D")
    return area, next(region for region in area.regions if region.type == "WINDOW")


def in_view(operator: str, **values: object) -> None:
    area, region = view()
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        # True: with an undo step, as a button makes it.
        getattr(bpy.ops.realcam, operator)("INVOKE_DEFAULT", True, **values)


def mouse(across: float, up: float, *buttons: str) -> None:
    """Move to a share of the 3D view's width and height, then click."""
    _, region = view()
    x = region.x + int(region.width * across)
    y = bpy.context.window.height - (region.y + int(region.height * up))
    subprocess.run(["xdotool", "mousemove", str(x), str(y)], check=True)
    for button in buttons:
        subprocess.run(["xdotool", "click", button], check=True)


def walk() -> Steps:
    for name in ("Cube", "Light", "Camera"):
        bpy.data.objects.remove(bpy.data.objects[name])
    # Else Blender's own asset library complains in every picture that it is not reached.
    bpy.context.preferences.system.use_online_access = False
    (archive,) = HERE.glob("*.zip")
    bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True, overwrite=True
    )
    addon = next(addon for name, addon in bpy.context.preferences.addons.items() if name.endswith(".realcam"))
    addon.preferences.server_address = json.loads((HERE / "server.json").read_text())["address"]
    area, _ = view()
    area.spaces.active.show_region_ui = True
    area.spaces.active.shading.type = "MATERIAL"
    yield 1.0
    next(region for region in area.regions if region.type == "UI").active_panel_category = "RealCam"
    in_view("import_photo", filepath=str(HERE / "motorcycle.png"), calibration=(994.978, 994.978, 311.193, 254.877))
    yield 1.5
    area.spaces.active.region_3d.view_perspective = "CAMERA"
    bpy.ops.realcam.connect()
    yield 1.5
    look = importlib.import_module("bl_ext.user_default.realcam.ui.depth_look")
    mouse(0.5, 0.5)
    in_view("show_cleaning")
    subprocess.run(["xdotool", "key", "Escape"], check=True)
    while look._under_way:
        yield 0.05
    yield 1.0
    stopped = not any("realcam_cleaning" in o for o in bpy.data.objects)
    in_view("show_cleaning")
    yield 0.1
    picture("0-looking")
    while look._under_way:
        yield 0.2
    # Shaders are compiled meanwhile.
    yield 12.0
    picture("1-cleaning")
    bpy.ops.ed.undo()
    yield 1.0
    undone = not any("realcam_cleaning" in o for o in bpy.data.objects)
    in_view("toggle_cleaning", step="FLYING")
    while look._under_way:
        yield 0.2
    yield 2.0
    picture("1-flying-left-out")
    in_view("toggle_cleaning", step="FLYING")
    in_view("pick_scale_points")
    yield 0.5
    mouse(0.40, 0.45, "1")
    yield 1.0
    picture("2-one-point")
    mouse(0.55, 0.45, "1")
    yield 2.0
    yield 1.0
    picture("3-dialog")
    subprocess.run(["xdotool", "key", "Return"], check=True)
    yield 1.0
    scene = bpy.context.scene
    bpy.ops.realcam.set_scale(source="POINTS", start=(0, 2, 0), end=(0, 2, 1), distance=1.5)
    yield 1.0
    picture("4-rescaled")
    record = json.loads(next(o for o in scene.objects if "realcam_photo" in o)["realcam_photo"])
    (HERE / "result.json").write_text(json.dumps({"scale": record["scale"], "stopped": stopped, "undone": undone}))
    bpy.ops.wm.quit_blender()


steps = walk()


def tick() -> float | None:
    """One slice of the walk."""
    try:
        return next(steps)
    except StopIteration:
        return None
    except Exception:  # noqa: BLE001 a timer that raises only stops: say why and end
        traceback.print_exc()
        bpy.ops.wm.quit_blender()
        return None


bpy.app.timers.register(tick, first_interval=2.0)
