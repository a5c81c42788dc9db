"""The asked and the achieved path of every check, drawn over the 3D views, lines equally wide at any distance."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ...camera_check.achieved_camera import achieved_cameras
from ...camera_check.checked_take import CheckedTake
from ...core.arrays import Float64
from ...core.entry_points import entry_point
from ...scene import find_photo_scene
from ...scene.axes import blender_points
from ...viewport_drawing import draw_dots, draw_lines

ASKED, ACHIEVED, APART = (0.35, 0.67, 1.0, 1.0), (1.0, 0.55, 0.1, 1.0), (1.0, 0.27, 0.27, 0.8)

_handlers: list[Any] = []


def world_lines(check: CheckedTake, mesh_world: Float64, scene_scale: float) -> tuple[Float64, Float64, Float64]:
    """The lines of a check in Blender's world.

    Args:
        check: F frames, P of them with an achieved camera.
        mesh_world: [4, 4] world matrix of the photo's mesh.
        scene_scale: The photo's present scale.

    Returns:
        [F, 3] the asked path; [P, 3] the achieved path; [2 P, 3] the ends of a line from each achieved place to the
        one asked for.
    """
    asked, achieved = (
        blender_points(points) @ mesh_world[:3, :3].T + mesh_world[:3, 3] for points in check.paths(scene_scale)
    )
    apart = np.stack([asked[list(check.index)], achieved], axis=1).reshape(-1, 3)
    return asked, achieved, apart


@entry_point("The paths could not be drawn")
def _draw() -> None:
    """Draw each achieved camera that is not hidden and whose photo is in the scene."""
    scene = bpy.context.scene
    if scene is None or not scene.realcam.show_check_paths:
        return
    for camera, check in achieved_cameras(scene):
        photo = find_photo_scene(scene, check.imported_at) if camera.visible_get() else None
        if photo is None:
            continue
        asked, achieved, apart = world_lines(check, np.array(photo.world), photo.record.shot_scale)
        draw_lines("LINES", apart.astype(np.float32), APART, 1.5)
        # The asked path thin and over the other: both are seen where one lies on the other.
        for path, colour, width in ((achieved, ACHIEVED, 5.0), (asked, ASKED, 2.0)):
            points = path.astype(np.float32)
            draw_lines("LINE_STRIP", points, colour, width)
            draw_dots(points, colour, 2.5 * width)


def register() -> None:
    """Begin to draw."""
    _handlers.append(bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW"))


def unregister() -> None:
    """Stop drawing."""
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), "WINDOW")
