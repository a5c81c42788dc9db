"""A photo chosen in Blender's new file by the file browser, its depth by the panel's button, then another photo.

    python tests/window/run_walk.py tests/window/walk_first_look.py

Runs inside Blender.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from stage import HERE, Steps, in_view, install, picture, region_of, report, run, view_area


def browser() -> tuple[bpy.types.Window, bpy.types.Area]:
    """The file browser that is open, and its window."""
    return next(
        (window, area)
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        if area.type == "FILE_BROWSER"
    )


def choose(name: str) -> None:
    """Type a file's name in the browser and press its button."""
    window, area = browser()
    area.spaces.active.params.filename = name
    with bpy.context.temp_override(window=window, area=area, region=region_of(area, "WINDOW")):
        bpy.ops.file.execute()


def walk() -> Steps:
    install(empty=False)
    folder = HERE / "alone"
    folder.mkdir()
    shutil.copy(HERE / "motorcycle.png", folder / "lone.png")
    shutil.copy(HERE / "motorcycle_depth.npy", folder / "metres.npy")
    area = view_area()
    area.spaces.active.show_region_ui = True
    yield 1.0
    region_of(area, "UI").active_panel_category = "RealCam"
    yield 1.0
    picture("first-1-fresh")
    in_view("import_photo")
    yield 2.0
    _, open_browser = browser()
    open_browser.spaces.active.params.directory = str(folder).encode()
    yield 4.0
    picture("first-2-photo")
    choose("lone.png")
    yield 3.0
    picture("first-3-waits")
    in_view("choose_depth")
    # A browser that is not drawn yet cannot be told to open a file: Blender ends.
    yield 6.0
    picture("first-3-depth")
    second = browser()[1].spaces.active.params.directory
    choose("metres.npy")
    yield 3.0
    picture("first-4-imported")
    scene = bpy.context.scene
    shown = view_area().spaces.active
    result = {
        "second browser": str(second),
        "render": (scene.render.resolution_x, scene.render.resolution_y),
        "cube": [scene.objects["Cube"].hide_get(), scene.objects["Cube"].hide_render],
        "view": [shown.region_3d.view_perspective, shown.shading.color_type, scene.camera.name],
        "active": bpy.context.view_layer.objects.active.name,
    }
    bpy.ops.realcam.connect()
    yield 4.0
    picture("first-5-connected")
    in_view("import_photo", filepath=str(HERE / "motorcycle.png"))
    yield 2.0
    picture("first-6-two-photos")
    in_view("import_photo", filepath=str(shutil.copy(HERE / "motorcycle.png", folder / "third.png")))
    yield 2.0
    picture("first-7-third-waits")
    in_view("set_focal_length")
    yield 2.0
    picture("first-8-focal")
    report(result)


run(walk())
