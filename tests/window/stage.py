"""What every walk through Blender's window begins with, and how it is run. Inside Blender."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType

import bpy

HERE = Path(os.environ["REALCAM_WALK"])
"""The folder run_walk.py has prepared, as this Blender sees it: extension zip, photo, depth."""

Steps = Generator[float, None, None]
"""Slices of a walk: seconds to wait after each, in which the window redraws."""

BIKE_LENS = (994.978, 994.978, 311.193, 254.877)


def picture(name: str) -> None:
    """The whole screen as .shots/NAME.png in the checkout."""
    subprocess.run(["shot", name], check=False)


def of_addon(module: str) -> ModuleType:
    """A module of the installed add-on."""
    return importlib.import_module(f"bl_ext.user_default.realcam.{module}")


def view_area() -> bpy.types.Area:
    return next(area for area in bpy.context.window.screen.areas if area.type == "VIEW_3D")


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == kind)


def in_view(operator: str, **values: object) -> None:
    """Call an operator of the add-on as its button in the 3D view does, with an undo step."""
    area = view_area()
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region_of(area, "WINDOW")):
        getattr(bpy.ops.realcam, operator)("INVOKE_DEFAULT", True, **values)


def scroll_down() -> None:
    """Bring the sidebar's lower panels into the picture."""
    _scroll(bpy.ops.view2d.scroll_down)


def scroll_up() -> None:
    """Bring the sidebar's top, where a job under way is shown, into the picture."""
    _scroll(bpy.ops.view2d.scroll_up)


def _scroll(step: Callable[..., object]) -> None:
    area = view_area()
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region_of(area, "UI")):
        for _ in range(60):
            step(deltay=60)


def install(*, empty: bool = True) -> None:
    """The add-on in Blender's own scene, emptied or not, told where the server is, nothing left of earlier walks."""
    for name in ("Cube", "Light", "Camera") if empty else ():
        bpy.data.objects.remove(bpy.data.objects[name])
    # Else Blender's own asset library complains in every picture that it is not reached.
    bpy.context.preferences.system.use_online_access = False
    (archive,) = HERE.glob("*.zip")
    bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True, overwrite=True
    )
    addon = next(addon for name, addon in bpy.context.preferences.addons.items() if name.endswith(".realcam"))
    records = of_addon("ui.jobs.runtime").runtime.records()
    for record in records.all():
        records.forget(record.job_id)
    addon.preferences.server_address = json.loads((HERE / "server.json").read_text())["address"]


def open_sidebar() -> Steps:
    """The add-on's tab beside a view in the photo's own colours, which is quick to draw without a GPU."""
    area = view_area()
    area.spaces.active.show_region_ui = True
    shading = area.spaces.active.shading
    shading.type, shading.light, shading.color_type = "SOLID", "FLAT", "TEXTURE"
    yield 1.0
    region_of(area, "UI").active_panel_category = "RealCam"
    yield 1.0


def import_bike(blend: str) -> Steps:
    """The motorcycle in metres and two seconds of time, in a saved file."""
    bpy.ops.wm.save_as_mainfile(filepath=str(HERE / blend))
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 48
    scene.render.resolution_x, scene.render.resolution_y = 1280, 800
    in_view("import_photo", filepath=str(HERE / "motorcycle.png"), calibration=BIKE_LENS)
    yield 1.5


def until_idle() -> Steps:
    """Until the job under way has ended and what it made is in the scene."""
    jobs = of_addon("generation.jobs").jobs
    yield 1.0
    while jobs.busy:
        yield 0.3
    assert jobs.view is None or not jobs.view.error, jobs.view.error
    yield 0.5


def until_operators_end() -> Steps:
    """Until no operator of the add-on is busy in the window: a preview is rendered, a depth looked at."""
    while any(operator.bl_idname.startswith("REALCAM_OT_") for operator in bpy.context.window.modal_operators):
        yield 0.1


def report(result: dict[str, object]) -> None:
    """What run_walk.py prints: the walk came to its end."""
    (HERE / "result.json").write_text(json.dumps(result, indent=1))


def run(steps: Steps) -> None:
    """Take the walk on a timer, then close Blender."""

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

    bpy.app.timers.register(tick, first_interval=2.0)
