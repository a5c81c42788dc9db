"""A 3D view that looks through the photo's camera: its pixels to points of the photo and back."""

from __future__ import annotations

import bpy
from bpy_extras import view3d_utils
from mathutils import Vector

from ...core.depth.layout.layout import Point
from ...scene import PhotoScene


class PhotoView:
    """The mapping of one view at one moment; made anew for each event and each drawing."""

    def __init__(self, photo_scene: PhotoScene, region: bpy.types.Region, view: bpy.types.RegionView3D) -> None:
        self._region = region
        self._view = view
        self._world = photo_scene.world
        self._size = photo_scene.photo_size
        matrix = photo_scene.intrinsics
        self._focal = float(matrix[0, 0]), float(matrix[1, 1])
        self._centre = float(matrix[0, 2]), float(matrix[1, 2])

    def point(self, x: float, y: float) -> Point:
        """The point of the photo under a pixel of the region."""
        direction = view3d_utils.region_2d_to_vector_3d(self._region, self._view, (x, y))
        local = self._world.to_3x3().inverted_safe() @ direction
        # Blender's axes: y up, the camera looks along -z.
        depth = max(-local.z, 1e-6)
        across = self._centre[0] + self._focal[0] * local.x / depth
        down = self._centre[1] - self._focal[1] * local.y / depth
        return across / self._size[0], down / self._size[1]

    def pixel(self, point: Point) -> tuple[float, float] | None:
        """The pixel of the region at which a point of the photo is seen; None behind the view."""
        across = (point[0] * self._size[0] - self._centre[0]) / self._focal[0]
        down = (point[1] * self._size[1] - self._centre[1]) / self._focal[1]
        place = self._world @ Vector((across, -down, -1.0))
        seen = view3d_utils.location_3d_to_region_2d(self._region, self._view, place)
        return None if seen is None else (seen.x, seen.y)

    def reach(self, pixels: float) -> Point:
        """A distance in pixels of the region as fractions of the photo's width and height, at the photo's middle."""
        low, high = self.pixel((0.25, 0.75)), self.pixel((0.75, 0.25))
        if low is None or high is None:
            return 1e-6, 1e-6
        return pixels / max(2 * (high[0] - low[0]), 1e-6), pixels / max(2 * (high[1] - low[1]), 1e-6)


def look_through_photo(space: bpy.types.SpaceView3D, photo_scene: PhotoScene) -> None:
    """Let a view look through the photo's camera, whatever camera the scene films with."""
    space.use_local_camera = True
    space.camera = photo_scene.camera
    space.region_3d.view_perspective = "CAMERA"
