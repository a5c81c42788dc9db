"""The asked and the achieved path of every check, drawn over the 3D views, lines equally wide at any distance."""

from __future__ import annotations

from typing import Any

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ...camera_check.achieved_camera import achieved_cameras
from ...camera_check.checked_take import CheckedTake
from ...core.arrays import Float64
from ...core.entry_points import entry_point
from ...scene import find_photo_scene
from ...scene.axes import blender_points

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
        _draw_lines("LINES", apart, APART, 1.5)
        # The asked path thin and over the other: both are seen where one lies on the other.
        for points, colour, width in ((achieved, ACHIEVED, 5.0), (asked, ASKED, 2.0)):
            _draw_lines("LINE_STRIP", points, colour, width)
            _draw_points(points, colour, 2.5 * width)


def _draw_lines(kind: str, points: Float64, colour: tuple[float, float, float, float], width: float) -> None:
    if len(points) < 2:
        return
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    shader.bind()
    shader.uniform_float("color", colour)
    shader.uniform_float("lineWidth", width * bpy.context.preferences.system.ui_scale)
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("NONE")
    batch_for_shader(shader, kind, {"pos": points.astype(np.float32)}).draw(shader)
    gpu.state.blend_set("NONE")


def _draw_points(points: Float64, colour: tuple[float, float, float, float], size: float) -> None:
    """Draw a dot for each of the clip's frames."""
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.bind()
    shader.uniform_float("color", colour)
    gpu.state.depth_test_set("NONE")
    gpu.state.point_size_set(size * bpy.context.preferences.system.ui_scale)
    batch_for_shader(shader, "POINTS", {"pos": points.astype(np.float32)}).draw(shader)


def register() -> None:
    """Begin to draw."""
    _handlers.append(bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW"))


def unregister() -> None:
    """Stop drawing."""
    while _handlers:
        bpy.types.SpaceView3D.draw_handler_remove(_handlers.pop(), "WINDOW")
