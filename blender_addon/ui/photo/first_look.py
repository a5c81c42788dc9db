"""Windows that show a photo as its camera sees it, or that look through the photo's own camera."""

from __future__ import annotations

import math
from collections.abc import Iterator

import bpy

from ...datablocks import holds
from ...scene import PhotoScene
from ...shot.camera_sample import render_frame

_FILLED = 0.95
"""Share of the free part of a view that the camera's frame fills."""
_SMALLEST = 100
"""Pixels; a free part that is narrower is not worth a picture."""
SEE_THROUGH = 0.35
"""Alpha of the artist's meshes before the photo."""
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


def look_through_photos_camera(scene: bpy.types.Scene, photo_scene: PhotoScene) -> None:
    """Look through the photo's camera in the largest 3D view of each window that shows the scene, in X-ray."""
    for space in _views(scene):
        space.use_local_camera, space.camera = True, photo_scene.camera
        space.region_3d.view_perspective = "CAMERA"
        space.overlay.show_overlays = True
        if space.shading.type == "SOLID":
            space.shading.show_xray, space.shading.xray_alpha = True, SEE_THROUGH


def leave_photos_camera(scene: bpy.types.Scene, photo_scene: PhotoScene) -> None:
    """Let views that look through the photo's camera look through the scene's again, without X-ray."""
    for space in _views(scene):
        if space.use_local_camera and space.camera == photo_scene.camera:
            space.use_local_camera = False
            space.shading.show_xray = False


def _views(scene: bpy.types.Scene) -> Iterator[bpy.types.SpaceView3D]:
    """The largest 3D view of each window that shows the scene."""
    for window in bpy.context.window_manager.windows:
        largest = _largest_view(window)
        if window.scene == scene and largest is not None and largest.spaces.active.region_3d is not None:
            yield largest.spaces.active


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
    _frame(space.region_3d, window.scene, region, _free_part(area, region))


def _free_part(area: bpy.types.Area, region: bpy.types.Region) -> tuple[int, int, int, int]:
    """(left, bottom, right, top) in the region's pixels of what no toolbar, sidebar or header covers."""
    left, bottom, right, top = 0, 0, region.width, region.height
    for bar in area.regions:
        x, y = bar.x - region.x, bar.y - region.y
        if bar == region or bar.width <= 1 or bar.height <= 1:
            continue
        if not (0 <= x < region.width and 0 <= y < region.height):
            continue
        if bar.type == "UI":
            right = min(right, x)
        elif bar.type == "TOOLS":
            left = max(left, x + bar.width)
        elif bar.type in ("HEADER", "TOOL_HEADER"):
            top = min(top, y)
    return left, bottom, right, top


def _frame(
    view: bpy.types.RegionView3D, scene: bpy.types.Scene, region: bpy.types.Region, free: tuple[int, int, int, int]
) -> None:
    """Let the camera's frame fill a part of the region. Blender's own framing fits the whole, bars included."""
    left, bottom, right, top = free
    if right - left < _SMALLEST or top - bottom < _SMALLEST:
        left, bottom, right, top = 0, 0, region.width, region.height
    frame = render_frame(scene)
    width, height = frame.width * frame.aspect_x, frame.height * frame.aspect_y
    pixels = _FILLED * min((right - left) / width, (top - bottom) / height)
    fit = scene.camera.data.sensor_fit
    if fit == "AUTO":
        share = pixels * max(width, height) / max(region.width, region.height)
    else:
        share = pixels * width / region.width if fit == "HORIZONTAL" else pixels * height / region.height
    # What Blender makes of its zoom (-30 to 600): the share of the region's side that the frame's fitted side has.
    view.view_camera_zoom = min(max((2 * math.sqrt(share) - math.sqrt(2)) * 50, -30), 600)
    share = (math.sqrt(2) + view.view_camera_zoom / 50) ** 2 / 4
    view.view_camera_offset = (
        (region.width - left - right) / (4 * share * region.width),
        (region.height - bottom - top) / (4 * share * region.height),
    )


def _select(layer: bpy.types.ViewLayer, camera: bpy.types.Object) -> None:
    """Select the camera alone, unless something is being edited or the layer does not have it."""
    active = layer.objects.active
    if not holds(layer.objects, camera) or (active is not None and active.mode != "OBJECT"):
        return
    for selected in list(layer.objects.selected):
        selected.select_set(False, view_layer=layer)
    camera.select_set(True, view_layer=layer)
    layer.objects.active = camera
