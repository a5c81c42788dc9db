"""A take checked against its camera in Blender's window, with a picture of every stop.

    python tests/window/run_walk.py tests/window/walk_check.py

Runs inside Blender. The take's record is then changed to say that 1 / 1.3 of the move was asked for, so that its camera
goes too far.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import traceback
from collections.abc import Generator
from pathlib import Path

import bpy
from mathutils import Euler

HERE = Path(os.environ["REALCAM_WALK"])
Steps = Generator[float, None, None]


def picture(name: str) -> None:
    subprocess.run(["shot", f"check-{name}"], check=False)


def area_of(kind: str) -> bpy.types.Area:
    return next(area for area in bpy.context.window.screen.areas if area.type == kind)


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == kind)


def in_view(operator: str, **values: object) -> None:
    area = area_of("VIEW_3D")
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region_of(area, "WINDOW")):
        getattr(bpy.ops.realcam, operator)("INVOKE_DEFAULT", **values)


def until_idle() -> Steps:
    """Until the job under way has been placed."""
    jobs = importlib.import_module("bl_ext.user_default.realcam.generation.jobs").jobs
    yield 1.0
    while jobs.busy:
        yield 0.3
    assert jobs.view is None or not jobs.view.error, jobs.view.error
    yield 0.5


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


def set_up() -> Steps:
    for name in ("Cube", "Light", "Camera"):
        bpy.data.objects.remove(bpy.data.objects[name])
    # Else Blender's own asset library complains in every picture that it is not reached.
    bpy.context.preferences.system.use_online_access = False
    (archive,) = HERE.glob("*.zip")
    bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True, overwrite=True
    )
    addon = next(addon for name, addon in bpy.context.preferences.addons.items() if name.endswith(".realcam"))
    runtime = importlib.import_module("bl_ext.user_default.realcam.ui.runtime").runtime
    for record in runtime.records().all():
        runtime.records().forget(record.job_id)
    addon.preferences.server_address = json.loads((HERE / "server.json").read_text())["address"]
    area = area_of("VIEW_3D")
    area.spaces.active.show_region_ui = True
    shading = area.spaces.active.shading
    shading.type, shading.light, shading.color_type = "SOLID", "FLAT", "TEXTURE"
    yield 1.0
    region_of(area, "UI").active_panel_category = "RealCam"
    bpy.ops.wm.save_as_mainfile(filepath=str(HERE / "check.blend"))
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 48
    scene.render.resolution_x, scene.render.resolution_y = 1280, 800
    in_view("import_photo", filepath=str(HERE / "motorcycle.png"), calibration=(994.978, 994.978, 311.193, 254.877))
    scene.realcam.preview_method, scene.realcam.clip_frames = "WORKBENCH", 8
    yield 1.0


def look_from_above() -> None:
    """The paths as they lie before the motorcycle, large enough to tell them apart."""
    view = area_of("VIEW_3D").spaces.active.region_3d
    view.view_perspective = "PERSP"
    view.view_location, view.view_distance = (0.6, 0.4, 0.0), 2.2
    view.view_rotation = Euler((math.radians(62), 0, math.radians(18))).to_quaternion()


def walk() -> Steps:
    yield from set_up()
    scene = bpy.context.scene
    key_move(scene, 1.3)
    in_view("generate")
    yield from until_idle()
    for _ in range(40):
        scroll_down()
    in_view("check_camera")
    yield 4.0
    picture("1-solving")
    yield from until_idle()
    look_from_above()
    for _ in range(40):
        scroll_down()
    yield 2.0
    picture("2-follows")
    ask_for_less(HERE / "realcam" / "shot" / "take_001" / "metadata.json", 1.3)
    key_move(scene, 1.0)
    in_view("check_camera")
    yield from until_idle()
    yield 1.0
    scene.frame_set(48)
    for _ in range(40):
        scroll_down()
    yield 2.0
    picture("3-too-far")
    (camera,) = (o for o in scene.objects if "realcam_check" in o)
    found = json.loads(camera["realcam_check"])
    names = [o.name for o in scene.objects]
    bpy.ops.ed.undo()
    yield 1.0
    picture("4-undone")
    cameras = [o for o in bpy.context.scene.objects if "realcam_check" in o]
    result = {
        "findings": found["findings"],
        "objects": names,
        "after undo": [json.loads(o["realcam_check"])["findings"] for o in cameras],
    }
    (HERE / "result.json").write_text(json.dumps(result))
    bpy.ops.wm.quit_blender()


def scroll_down() -> None:
    area = area_of("VIEW_3D")
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region_of(area, "UI")):
        bpy.ops.view2d.scroll_down(deltay=60)


steps = walk()


def tick() -> float | None:
    """One slice of the walk."""
    try:
        return next(steps)
    except StopIteration:
        return None
    except Exception:  # noqa: BLE001 a timer that raises only stops: say why and end
        traceback.print_exc()
        picture("failed")
        bpy.ops.wm.quit_blender()
        return None


bpy.app.timers.register(tick, first_interval=2.0)
