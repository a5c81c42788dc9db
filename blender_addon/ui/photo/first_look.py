"""A window that shows a photo as its camera sees it."""

from __future__ import annotations

import bpy

_TEXTURED = ("MATERIAL", "RENDERED")
"""Kinds of viewport shading that show the photo's colours by themselves."""


def look_through_camera(scene: bpy.types.Scene) -> None:
    """Look through the scene's camera, in the photo's colours, in one 3D view of each window that shows the scene.

    The camera is selected, so that it can be moved and keyed at once. Without a window nothing is done.
    """
    camera = scene.camera
    if camera is None:
        return
    for window in bpy.context.window_manager.windows:
        area = _largest_view(window)
        if window.scene == scene and area is not None:
            _select(window.view_layer, camera)
            _look(window, area)


def _largest_view(window: bpy.types.Window) -> bpy.types.Area | None:
    views = [area for area in window.screen.areas if area.type == "VIEW_3D"]
    return max(views, key=lambda area: area.width * area.height, default=None)


def _look(window: bpy.types.Window, area: bpy.types.Area) -> None:
    space = area.spaces.active
    if space.region_3d is None:
        return
    space.use_local_camera = False
    space.region_3d.view_perspective = "CAMERA"
    if space.shading.type not in _TEXTURED:
        space.shading.type, space.shading.light, space.shading.color_type = "SOLID", "FLAT", "TEXTURE"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        if bpy.ops.view3d.view_center_camera.poll():
            bpy.ops.view3d.view_center_camera()


def _select(layer: bpy.types.ViewLayer, camera: bpy.types.Object) -> None:
    """Select the camera alone, unless something is being edited or the layer does not have it."""
    active = layer.objects.active
    if layer.objects.get(camera.name) != camera or (active is not None and active.mode != "OBJECT"):
        return
    for selected in list(layer.objects.selected):
        selected.select_set(False, view_layer=layer)
    camera.select_set(True, view_layer=layer)
    layer.objects.active = camera
