"""A relative depth picture of the demo room imported by its question's first answer, then given metres by clicks of a
real mouse.

    python tests/window/run_walk.py tests/window/walk_calibrate.py

Runs inside Blender; needs xdotool there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
    view_area,
)

BELOW = ("check", "takes", "preview", "generate", "camera")
"""Panels below the photo's, each after those inside it."""
taken_away: list[type] = []

PLACES = ((0.6, 0.62), (0.12, 0.2), (0.28, 0.87))
"""(across, down) in the photo."""


def key(*names: str) -> None:
    subprocess.run(["xdotool", "key", *names], check=True)


def mouse(x: float, y: float, *buttons: str) -> None:
    """Move to a point of the 3D view's region, in its pixels from the bottom left, then click."""
    region = region_of(view_area(), "WINDOW")
    place = (region.x + int(x), bpy.context.window.height - (region.y + int(y)))
    subprocess.run(["xdotool", "mousemove", *map(str, place)], check=True)
    for button in buttons:
        subprocess.run(["xdotool", "click", button], check=True)


def write_relative(depth: np.ndarray) -> Path:
    """The depth as a picture of 8 bits, near bright; the farthest where nothing is known."""
    inverse = np.nan_to_num(1 / depth, nan=float(1 / np.nanmax(depth)))
    share = (inverse - inverse.min()) / np.ptp(inverse)
    image = bpy.data.images.new("relative", depth.shape[1], depth.shape[0])
    image.colorspace_settings.name = "Non-Color"
    pixels = np.repeat(share[::-1, :, None], 4, axis=2).astype(np.float32)
    pixels[..., 3] = 1
    image.pixels.foreach_set(pixels.ravel())
    image.filepath_raw, image.file_format = str(HERE / "relative.png"), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return HERE / "relative.png"


def true_distance(depth: np.ndarray, lens: np.ndarray, size: tuple[int, int], across: float, down: float) -> float:
    """Straight from the camera."""
    row, column = int(down * depth.shape[0]), int(across * depth.shape[1])
    ray = np.linalg.norm(np.linalg.inv(lens) @ [across * size[0], down * size[1], 1])
    return float(np.nanmedian(depth[row - 1 : row + 2, column - 1 : column + 2]) * ray)


def screen_place(across: float, down: float) -> tuple[float, float]:
    """Where the view shows a place of the photo, in pixels of its region."""
    from bpy_extras.view3d_utils import location_3d_to_region_2d

    calibration = of_addon("scene.handmade.depth_calibration")
    photo = of_addon("scene").find_photo_scene(bpy.context.scene)
    number = of_addon("core.depth.calibration.known_points").number_at(calibration.imported_depth(photo), across, down)
    world = calibration.point_of_photo(photo, across, down, number)
    area = view_area()
    return tuple(location_3d_to_region_2d(region_of(area, "WINDOW"), area.spaces.active.region_3d, world))


def make_room() -> None:
    """Room for the panel, which opens by itself: the panels below the photo's gone."""
    for name in BELOW:
        taken_away.append(getattr(bpy.types, f"REALCAM_PT_{name}"))
        bpy.utils.unregister_class(taken_away[-1])


def walk() -> Steps:
    install()
    make_room()
    yield from open_sidebar()
    in_view("try_demo")
    yield 3.0
    demo = of_addon("scene").find_photo_scene(bpy.context.scene)
    depth, lens, size = demo.depth(), demo.intrinsics, demo.photo_size
    filepath = bpy.path.abspath(demo.image.filepath)
    bpy.context.window.scene = bpy.data.scenes["Scene"]
    yield 1.0
    four = (*lens[[0, 1], [0, 1]].tolist(), *lens[:2, 2].tolist())
    in_view("import_photo", filepath=filepath, depth_path=str(write_relative(depth)), calibration=four)
    yield 2.0
    picture("calibrate-0-question")
    key("Return")
    yield 3.0
    scroll_down()
    yield 1.0
    picture("calibrate-1-guess")
    in_view("pick_depth_points", floor=False)
    yield 0.5
    mouse(*screen_place(*PLACES[0]), "1")
    yield 3.0
    picture("calibrate-2-clicked")
    key("Return")
    yield 1.5
    for across, down in PLACES[1:]:
        in_view("pick_depth_points", floor=False)
        yield 0.5
        mouse(*screen_place(across, down), "1")
        yield 2.0
        key("Return")
        yield 1.5
    photo = of_addon("scene").find_photo_scene(bpy.context.scene)
    fields = photo.mesh.realcam_calibration
    clicked = len(fields.points)
    for point in fields.points:
        point.distance = round(true_distance(depth, lens, size, point.across, point.down), 2)
    mouse(200, 20)
    region_of(view_area(), "UI").tag_redraw()
    scroll_down()
    yield 1.0
    picture("calibrate-3-residual")
    fields.points[2].distance *= 1.3
    region_of(view_area(), "UI").tag_redraw()
    yield 1.0
    picture("calibrate-4-wrong-point")
    fields.points[2].distance /= 1.3
    in_view("calibrate_depth")
    yield 2.0
    picture("calibrate-5-applied")
    photo = of_addon("scene").find_photo_scene(bpy.context.scene)
    applied = photo.facts.words
    bpy.ops.ed.undo()
    yield 1.0
    photo = of_addon("scene").find_photo_scene(bpy.context.scene)
    undone = photo.record.law is None
    in_view("pick_depth_points", floor=True)
    yield 0.5
    for across, down in ((0.42, 0.9), (0.62, 0.96), (0.5, 0.83)):
        mouse(*screen_place(across, down), "1")
        yield 0.7
    key("Return")
    yield 2.0
    picture("calibrate-6-ground")
    floor = len(photo.mesh.realcam_calibration.floor)
    for panel in reversed(taken_away):
        bpy.utils.register_class(panel)
    report({"clicked": clicked, "applied": applied, "undone": undone, "floor": floor})


run(walk())
