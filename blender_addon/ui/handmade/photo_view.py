"""Looking through the photo's own camera, which an artist's view otherwise does not film with."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ...scene import PhotoScene

SEE_THROUGH = 0.35
"""Alpha of the artist's meshes before the photo."""


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
    for window in bpy.context.window_manager.windows:
        areas = [area for area in window.screen.areas if area.type == "VIEW_3D"]
        largest = max(areas, key=lambda area: area.width * area.height, default=None)
        if window.scene == scene and largest is not None and largest.spaces.active.region_3d is not None:
            yield largest.spaces.active
