"""A walk through the add-on in Blender's real window, as an artist would take it, with a picture of every stop.

Not part of the suite: it needs a screen. `run_walk.py` prepares it and starts it:

    python tests/window/run_walk.py            then look at .shots/walk-*.png

Runs inside Blender (`--python walk.py`). Each step is a generator's slice on a timer: the window redraws in between.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
import traceback
from collections.abc import Generator
from pathlib import Path

import bpy

HERE = Path(os.environ["REALCAM_WALK"])
"""The folder run_walk.py has prepared, as this Blender sees it: extension zip, photo, depth."""

Steps = Generator[float, None, None]


def picture(name: str) -> None:
    subprocess.run(["shot", f"walk-{name}"], check=False)


def area_of(kind: str) -> bpy.types.Area:
    return next(area for area in bpy.context.window.screen.areas if area.type == kind)


def sidebar(area: bpy.types.Area) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == "UI")


def in_view(operator: str, **values: object) -> None:
    """Call an operator as if from the 3D view."""
    area = area_of("VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    group, name = operator.split(".")
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        getattr(getattr(bpy.ops, group), name)("INVOKE_DEFAULT", **values)


def install() -> None:
    # Else Blender's own asset library complains in every picture that it is not reached.
    bpy.context.preferences.system.use_online_access = False
    (zip_path,) = HERE.glob("*.zip")
    bpy.ops.extensions.package_install_files(
        filepath=str(zip_path), repo="user_default", enable_on_install=True, overwrite=True
    )
    addon = next(addon for name, addon in bpy.context.preferences.addons.items() if name.endswith(".realcam"))
    forget_earlier_walks()
    addon.preferences.server_address = json.loads((HERE / "server.json").read_text())["address"]


def forget_earlier_walks() -> None:
    """A walk that was broken off has left its job to be resumed."""
    runtime = importlib.import_module("bl_ext.user_default.realcam.ui.runtime").runtime
    for record in runtime.records().all():
        runtime.records().forget(record.job_id)


def open_sidebar() -> None:
    area = area_of("VIEW_3D")
    area.spaces.active.show_region_ui = True
    # The photo's own colours, and quick to draw without a GPU.
    shading = area.spaces.active.shading
    shading.type, shading.light, shading.color_type = "SOLID", "FLAT", "TEXTURE"


def show_tab() -> None:
    sidebar(area_of("VIEW_3D")).active_panel_category = "RealCam"


def walk() -> Steps:
    for name in ("Cube", "Light", "Camera"):
        if name in bpy.data.objects:
            bpy.data.objects.remove(bpy.data.objects[name])
    install()
    yield 1.0
    open_sidebar()
    yield 1.0
    show_tab()
    yield 1.0
    picture("1-fresh")
    bpy.ops.wm.save_as_mainfile(filepath=str(HERE / "walk.blend"))
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 48
    scene.render.resolution_x, scene.render.resolution_y = 1280, 800
    in_view(
        "realcam.import_photo",
        filepath=str(HERE / "motorcycle.png"),
        calibration=(994.978, 994.978, 311.193, 254.877),
    )
    yield 1.5
    area_of("VIEW_3D").spaces.active.region_3d.view_perspective = "CAMERA"
    yield 1.5
    picture("2-imported")
    area = area_of("VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
        bpy.ops.realcam.add_move("EXEC_DEFAULT", move="push_in", distance=0.6, angle=math.radians(12), pivot=2.75)
    yield 1.0
    picture("3-moved")
    scene.realcam.preview_method = "WORKBENCH"
    in_view("realcam.preview")
    yield 1.0
    picture("4-preview")
    while any(operator.bl_idname == "REALCAM_OT_preview" for operator in bpy.context.window.modal_operators):
        yield 0.5
    yield 1.0
    picture("5-coverage")
    in_view("realcam.generate")
    yield from until_placed(scene)
    yield 1.5
    picture("7-done")
    for _ in range(30):
        scroll_down()
    yield 1.0
    picture("8-takes")
    yield from sequencer(scene)


def until_placed(scene: bpy.types.Scene) -> Steps:
    """A picture of each phase the panel goes through, until the take is in the list."""
    jobs = importlib.import_module("bl_ext.user_default.realcam.generation.jobs").jobs
    seen: set[str] = set()
    for _ in range(600):
        yield 0.3
        view = jobs.view
        name = "" if view is None else view.phase.name.lower() + ("-picture" if view.jpeg else "")
        if name and name not in seen and (view.done or not view.total):
            seen.add(name)
            yield 0.2
            picture(f"6-{name}")
        if len(scene.realcam.takes):
            return


def scroll_down() -> None:
    """Bring the sidebar's lower panels into the picture."""
    area = area_of("VIEW_3D")
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=sidebar(area)):
        bpy.ops.view2d.scroll_down(deltay=60)


def sequencer(scene: bpy.types.Scene) -> Steps:
    """The clip where the artist meets it: the Video Editing workspace's editors in this window."""
    scene.frame_set(24)
    area = area_of("VIEW_3D")
    area.type = "SEQUENCE_EDITOR"
    area.spaces.active.view_type = "SEQUENCER_PREVIEW"
    yield 2.0
    for kind in ("WINDOW", "PREVIEW"):
        region = next(region for region in area.regions if region.type == kind)
        with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
            (bpy.ops.sequencer.view_all if kind == "WINDOW" else bpy.ops.sequencer.view_all_preview)()
    yield 2.0
    picture("9-timeline")
    (HERE / "result.json").write_text(
        json.dumps(
            {
                "strips": [strip.name for strip in scene.sequence_editor.strips],
                "takes": [take.name for take in scene.realcam.takes],
            }
        )
    )


steps = walk()


def tick() -> float | None:
    try:
        return next(steps)
    except StopIteration:
        bpy.ops.wm.quit_blender()
    except Exception:  # noqa: BLE001 a timer that raises only stops: say why and end
        traceback.print_exc(file=sys.stdout)
        picture("failed")
        bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(tick, first_interval=1.5)
