"""The scene's depth as the clip's first frame sees it, when that is not where the photo was taken."""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.projection import project, scaled_intrinsics, unproject
from blender_addon.core.camera.trajectory import Trajectory
from server.reconstruction.scale import DepthMap

SAME_PLACE = 1e-6


def depth_of_first_frame(scene: DepthMap, reference: Trajectory) -> DepthMap:
    """scene: depth seen by the reference camera, which is the world of the trajectory; without intrinsics it covers the
    whole frame. The result is seen from frame 0 of the trajectory.
    """
    if np.abs(reference.camera_to_world[0] - np.eye(4)).max() < SAME_PLACE:
        return scene
    rows, columns = scene.depth.shape
    lens = scene.intrinsics
    if lens is None:
        lens = scaled_intrinsics(reference.intrinsics[0], (reference.width, reference.height), (columns, rows))
    return DepthMap(_splatted(scene, lens, reference), lens)


def _splatted(
    scene: DepthMap, lens: Float64, reference: Trajectory
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Each known depth pixel put where frame 0 sees it; the nearest wins, what nothing falls on stays unknown."""
    rows, columns = scene.depth.shape
    points = unproject(scene.depth, lens).reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1)]
    pixel, z = project(points, lens, reference.camera_to_world[0])
    inside = (z > 0) & (pixel >= 0).all(axis=1) & (pixel < [columns, rows]).all(axis=1)
    column, row = pixel[inside].astype(np.int64).T
    nearest = np.full((rows, columns), np.inf, dtype=np.float32)
    np.minimum.at(nearest, (row, column), z[inside].astype(np.float32))
    nearest[np.isinf(nearest)] = np.nan
    return nearest
