"""Warp the scene's depth from the photo's camera to the clip's first frame, where these differ."""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.projection import project, scaled_intrinsics, unproject
from blender_addon.core.camera.trajectory import Trajectory
from server.reconstruction.scale import DepthMap

SAME_PLACE = 1e-6
"""Largest deviation of frame 0 from the identity at which the depth is taken as it is."""


def depth_of_first_frame(scene: DepthMap, reference: Trajectory) -> DepthMap:
    """The scene's depth as frame 0 of a trajectory sees it.

    Args:
        scene: depth seen by the reference camera, which is the world of the trajectory; without intrinsics it covers
            the whole frame.
        reference: the trajectory.

    Returns:
        Depth of the same size; `scene` itself when frame 0 is where the photo was taken.
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
    """[h, w] float32, each known depth pixel at the place where frame 0 sees it.

    The nearest one wins; pixels that none falls on are NaN.
    """
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
