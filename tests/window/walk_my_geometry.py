"""The demo photo without its depth becomes a clip: blocked out with boxes, touched up by hand, its background painted.

    python tests/window/run_walk.py tests/window/walk_my_geometry.py --zip-alone

Runs inside Blender; needs xdotool there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

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
    scroll_down,
    until_idle,
    until_operators_end,
    view_area,
)

BOXES = {
    "Room": ((-2.8, -1.0, -1.18), (2.45, 5.6, 1.44)),
    "Sofa": ((0.0, 4.5, -1.18), (2.1, 5.5, -0.35)),
    "Sideboard": ((-1.9, 5.15, -1.18), (-0.4, 5.6, -0.6)),
    "Pouf": ((-1.75, 2.9, -1.18), (-0.85, 3.7, -0.62)),
    "Shelf": ((-2.8, 2.6, -1.18), (-2.15, 4.6, 0.75)),
}
"""Low and high corners of what stands in the photo, in the world: the photo looks along +Y from the origin."""


def xdotool(*words: object) -> None:
    subprocess.run(["xdotool", *map(str, words)], check=True)


def photo() -> Any:
    return of_addon("scene").find_photo_scene(bpy.context.scene)


def place_boxes() -> None:
    """As an artist adds cubes and scales them: their scale is not applied."""
    for name, (low, high) in BOXES.items():
        bpy.ops.mesh.primitive_cube_add(size=1.0)
        box = bpy.context.object
        box.name = name
        box.scale, box.location = np.subtract(high, low), np.add(low, high) / 2


def stroke(*way: tuple[float, float]) -> Steps:
    """A drag with the mouse, in shares of the 3D view."""
    region, area = region_of(view_area(), "WINDOW"), view_area()

    def at(place: tuple[float, float]) -> tuple[int, int]:
        x, y = area.x + place[0] * region.width, region.y + (1 - place[1]) * region.height
        return round(x), round(bpy.context.window.height - y)

    xdotool("mousemove", *at(way[0]))
    yield 0.4
    xdotool("mousedown", 1)
    for place in way[1:]:
        xdotool("mousemove", *at(place))
        yield 0.3
    xdotool("mouseup", 1)
    yield 1.5


def pull_with_proportional_editing() -> None:
    """The pouf's top towards the camera: one vertex, and those around it."""
    mesh = photo().mesh
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="DESELECT")
    bpy.ops.object.mode_set(mode="OBJECT")
    points = np.empty(3 * len(mesh.data.vertices), np.float32)
    mesh.data.vertices.foreach_get("co", points)
    nearest = np.linalg.norm(points.reshape(-1, 3) - (-1.3, -0.9, -2.95), axis=1).argmin()
    mesh.data.vertices[int(nearest)].select = True
    bpy.ops.object.mode_set(mode="EDIT")
    area = view_area()
    with bpy.context.temp_override(window=bpy.context.window, area=area, region=region_of(area, "WINDOW")):
        bpy.ops.transform.translate(
            "EXEC_DEFAULT",
            True,
            value=(0.1, -0.4, 0.05),
            use_proportional_edit=True,
            proportional_edit_falloff="SMOOTH",
            proportional_size=0.45,
        )


def look_from_outside() -> Steps:
    space = view_area().spaces.active
    space.region_3d.view_perspective = "PERSP"
    space.region_3d.view_rotation = (0.82, 0.42, 0.18, 0.35)
    with bpy.context.temp_override(area=view_area(), region=region_of(view_area(), "WINDOW")):
        bpy.ops.view3d.view_all()
    yield 2.0


def walk() -> Steps:
    install()
    yield from open_sidebar()
    addon = Path(of_addon("ui").__file__).parents[1]
    lone = Path(shutil.copy(addon / "demo_photo" / "living_room.jpg", HERE / "lone.jpg"))
    in_view("import_photo", filepath=str(lone))
    yield 2.0
    picture("geometry-1-waits")
    in_view("block_out")
    yield 3.0
    picture("geometry-2-block-out")
    place_boxes()
    yield 2.0
    picture("geometry-3-boxes")
    for box in bpy.context.selected_objects:
        box.select_set(False)
    in_view("depth_from_geometry")
    yield 3.0
    picture("geometry-4-taken")
    result: dict[str, object] = {"first": photo().facts.words}
    bpy.data.objects["Pouf"].location.y -= 0.2
    in_view("update_geometry")
    yield 2.0
    result["updated"] = photo().facts.words
    for name in BOXES:
        bpy.data.objects[name].hide_set(True)
    yield from look_from_outside()
    picture("geometry-5-from-outside")
    faces = photo().faces
    pull_with_proportional_editing()
    yield 2.0
    picture("geometry-6-pulled")
    in_view("take_shape")
    yield 2.0
    bpy.ops.object.mode_set(mode="OBJECT")
    yield 1.5
    picture("geometry-7-shape-taken")
    result["after proportional editing"] = [faces, photo().faces]
    view_area().spaces.active.region_3d.view_perspective = "CAMERA"
    bpy.context.view_layer.objects.active = photo().mesh
    bpy.ops.object.mode_set(mode="SCULPT")
    yield 2.0
    yield from stroke((0.35, 0.62), (0.37, 0.6), (0.4, 0.6), (0.43, 0.62))
    picture("geometry-8-sculpted")
    before = photo().depth()
    in_view("take_shape")
    yield 2.0
    picture("geometry-9-sculpt-taken")
    result["mode after sculpting"] = bpy.context.mode
    result["pixels sculpted"] = int((~np.isclose(before, photo().depth(), rtol=1e-4, equal_nan=True)).sum())
    xdotool("key", "ctrl+z")
    yield 2.0
    picture("geometry-10-undone")
    result["mode after undo"] = bpy.context.mode
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    scene = bpy.context.scene
    bpy.ops.wm.save_as_mainfile(filepath=str(HERE / "geometry.blend"))
    scene.frame_start, scene.frame_end = 1, 16
    camera = scene.camera
    camera.keyframe_insert("location", frame=1)
    camera.location.x += 0.6
    camera.location.y += 0.8
    camera.keyframe_insert("location", frame=16)
    scene.realcam.clip_frames = 16
    scene.realcam.engine_name = "draft"
    of_addon("ui.engine_options").hold(scene.realcam, {"keep_layers": True})
    in_view("generate")
    yield from until_operators_end()
    yield from until_idle()
    yield 2.0
    scene.frame_set(15)
    yield 2.0
    picture("geometry-11-clip")
    scroll_down()
    in_view("add_background")
    yield 2.0
    layers = [child for child in photo().mesh.children if "realcam_layer" in child]
    result["layers"] = [layer.name for layer in layers]
    scene.realcam.show_in_background = False
    yield from look_from_outside()
    picture("geometry-12-background")
    for layer in layers:
        image = of_addon("shot.preview_layers").layer_image(layer)
        image.pixels[:] = [0.1, 0.3, 0.9, 1.0] * (image.size[0] * image.size[1])
        image.update()
    in_view("preview")
    yield from until_operators_end()
    yield 2.0
    view_area().spaces.active.region_3d.view_perspective = "CAMERA"
    yield 1.0
    picture("geometry-13-painted-preview")
    result["coverage"] = float(of_addon("ui.preview_state").preview_state.coverage.min())
    report(result)


run(walk())
