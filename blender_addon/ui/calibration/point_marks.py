"""The points of a calibration in the 3D views: numbered as in the panel's list, floor points without a number."""

from __future__ import annotations

from typing import Any

import blf
import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d

from ...core.entry_points import entry_point
from ...scene import PhotoScene, find_photo_scene
from ...scene.handmade.depth_calibration import point_of_photo
from ...viewport_drawing import draw_dots, draw_lines
from .calibration_fields import calibration_of
from .calibration_fit import horizon

_POINT, _FLOOR = (1.0, 0.6, 0.1, 1.0), (0.2, 0.8, 1.0, 1.0)
_SIZE = 9.0

_handlers: list[Any] = []


@entry_point("The points could not be drawn")
def _draw() -> None:
    """Draw the points of the photo that is worked on, over everything."""
    context = bpy.context
    photo = find_photo_scene(context.scene) if context.scene is not None else None
    if photo is None or not photo.mesh.visible_get():
        return
    fields = calibration_of(photo.mesh)
    if not fields.show_points or fields.way == "RANGE":
        return
    floor = fields.way == "GROUND"
    colour = _FLOOR if floor else _POINT
    seen = _on_screen(context, photo, fields.floor if floor else fields.points)
    if not seen:
        return
    draw_dots([(x, y, 0.0) for _, x, y in seen], colour, _SIZE)
    if floor:
        _draw_horizon(context, photo)
        return
    scale = context.preferences.system.ui_scale
    blf.size(0, 14 * scale)
    blf.color(0, *colour)
    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 5, 0.0, 0.0, 0.0, 1.0)
    for index, x, y in seen:
        blf.position(0, x + _SIZE * scale, y + _SIZE * scale / 2, 0)
        blf.draw(0, str(index + 1))
    blf.disable(0, blf.SHADOW)


def _draw_horizon(context: bpy.types.Context, photo: PhotoScene) -> None:
    """A line where the horizon would be, across the photo."""
    ends = horizon(photo)
    if ends is None:
        return
    middle = float(np.median(calibration_of(photo.mesh).spread))
    places = [
        location_3d_to_region_2d(context.region, context.region_data, point_of_photo(photo, across, down, middle))
        for across, down in zip((0.0, 1.0), ends, strict=True)
    ]
    if None not in places:
        draw_lines("LINES", [(place.x, place.y, 0.0) for place in places], _FLOOR, 1.5)


def _on_screen(context: bpy.types.Context, photo: PhotoScene, points: Any) -> list[tuple[int, float, float]]:
    """(index, x, y) in the region's pixels of the points that are in front of the view."""
    found = []
    for index, point in enumerate(points):
        world = point_of_photo(photo, point.across, point.down, point.imported)
        place = location_3d_to_region_2d(context.region, context.region_data, world)
        if place is not None:
            found.append((index, place.x, place.y))
    return found


def register() -> None:
    """Draw from now on."""
    _handlers.append(bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL"))


def unregister() -> None:
    """Stop drawing."""
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), "WINDOW")
