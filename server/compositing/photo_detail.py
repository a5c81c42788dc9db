"""How much of the photo's detail a frame holds: pixels of the photo in one of the frame's, along a line."""

from __future__ import annotations

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Bool, Float32, Float64, Int32, UInt8
from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.camera.rotation import inverse
from blender_addon.core.depth.depth_mesh import DepthMesh, depth_mesh
from blender_addon.core.depth.rasterize import NEAR, rasterize
from blender_addon.core.payloads.shot import Shot

from .feather import WHOLE

VERTICES = 8_000
"""Of the mesh that stands for the photo's."""
CELL = 8
"""Pixels of a frame to one of the coarse picture in which detail is looked up."""
GIVEN_UP = 1.5
"""At this fraction of the least detail that is kept (one half is kept: one third), nothing of it is kept."""


class PhotoDetail:
    """The detail that the photo has for the frames of a shot.

    Args:
        shot: its depth, lens, photo's size and trajectory.
        least: pixels of the photo in one of the frame's, along a line, from which the photo's detail is kept whole.
    """

    def __init__(self, shot: Shot, least: float) -> None:
        self._least, self._trajectory = least, shot.trajectory
        self._mesh = depth_mesh(shot.depth, shot.photo_intrinsics, shot.photo_size, shot.depth_edge, VERTICES)
        self._triangles = self._mesh.all_triangles()
        self._area = _photo_area(self._mesh, self._triangles, shot.photo_size)

    def kept(self, index: int) -> UInt8 | None:
        """How much of the photo's detail a frame keeps, [H, W] uint8, 0 to 255; None where it keeps all of it."""
        trajectory = self._trajectory
        size, intrinsics = (trajectory.width, trajectory.height), trajectory.intrinsics[index]
        pose = trajectory.camera_to_world[index]
        density, shown = self._densities(intrinsics, pose, size)
        if not (density[shown] < self._least).any():
            return None
        cells = (max(2, size[0] // CELL), max(2, size[1] // CELL))
        seen = rasterize(self._mesh.vertices, self._triangles, scaled_intrinsics(intrinsics, size, cells), pose, cells)
        none = self._least / GIVEN_UP
        share = np.ones(seen.triangle.shape, np.float32)
        share[seen.covered] = np.clip((density[seen.triangle[seen.covered]] - none) / (self._least - none), 0, 1)
        coarse = np.round(WHOLE * share).astype(np.uint8)
        return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR))

    def _densities(self, intrinsics: Float64, camera_to_world: Float64, size: tuple[int, int]) -> tuple[Float32, Bool]:
        """Detail [T] of each triangle as a camera sees it, and [T] whether the frame can show it."""
        matrix = intrinsics @ inverse(camera_to_world)[:3]
        homogeneous = self._mesh.vertices @ matrix[:, :3].T + matrix[:, 3]
        in_front = homogeneous[:, 2] > NEAR
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = homogeneous[:, :2] / homogeneous[:, 2:]
        pixels[~in_front] = 0
        corners = pixels[self._triangles]
        inside = (corners.min(axis=1) < size).all(axis=1) & (corners.max(axis=1) > 0).all(axis=1)
        shown = in_front[self._triangles].all(axis=1) & inside
        area = np.maximum(np.abs(_twice_area(corners)), 1e-9)
        return np.sqrt(self._area / area).astype(np.float32), shown


def _photo_area(mesh: DepthMesh, triangles: Int32, size: tuple[int, int]) -> Float64:
    return np.abs(_twice_area((mesh.uv * np.array(size))[triangles]))


def _twice_area(corners: Float64) -> Float64:
    """[T] of triangles [T, 3, 2]."""
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    return np.asarray(ax * by - ay * bx, dtype=np.float64)
