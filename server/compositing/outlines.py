"""Where a frame shows the outline of something that stands in front: found in the photo's depth, not in the frame."""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Bool, Float32
from blender_addon.core.camera.projection import project
from blender_addon.core.depth.cleaning.windows import over_windows
from blender_addon.core.depth.depth_mesh import DEPTH_EDGE, lift, thin_depth
from blender_addon.core.payloads.shot import Shot

from .feather import grown

MOST_PIXELS = 200_000
"""Pixels of the depth map that are looked at, about."""
ACROSS = 7
"""Pixels of the thinned map within which the other side of a depth edge is looked for: cleaned maps have a belt of
unknown depth between both.
"""
SLACK = 2
"""Pixels of a frame between an outline in the depth map and where the preview ends, as long as both have one scale."""
FARTHEST = 8
"""Pixels at most that are allowed for it."""


class Outlines:
    """The near sides of the depth edges of a shot's photo, as points of the world.

    A surface ends there in front of another, or in front of nothing that is known. The far side of an edge is none: it
    goes on behind, and so does everything at the photo's border.

    Args:
        shot: its depth, lens, trajectory and depth edge.
    """

    def __init__(self, shot: Shot) -> None:
        grid = thin_depth(shot.depth, MOST_PIXELS)
        rows, columns = np.nonzero(near_rims(grid.depth, shot.depth_edge))
        uv = np.stack([grid.u[columns], grid.v[rows]], axis=1)
        self._depth = grid.depth[rows, columns].astype(np.float64)
        self._points = lift(uv, self._depth, shot.photo_intrinsics, shot.photo_size)
        self._focal = float(shot.photo_intrinsics[0, 0]) / shot.photo_size[0] * grid.depth.shape[1]
        self._trajectory = shot.trajectory

    def frame(self, index: int) -> Bool:
        """[H, W] the surroundings of the outlines in one frame, hidden ones among them."""
        trajectory = self._trajectory
        intrinsics = trajectory.intrinsics[index]
        mask = np.zeros((trajectory.height, trajectory.width), np.bool_)
        pixels, depth = project(self._points, intrinsics, trajectory.camera_to_world[index])
        inside = (depth > 0) & (pixels >= 0).all(axis=1) & (pixels < (trajectory.width, trajectory.height)).all(axis=1)
        if not inside.any():
            return mask
        column, row = pixels[inside].astype(np.int64).T
        mask[row, column] = True
        # Neighbouring points stand so many pixels apart: the depth map's pixels as this camera sees them.
        pitch = float(np.median(intrinsics[0, 0] / depth[inside] * self._depth[inside] / self._focal))
        for _ in range(min(FARTHEST, SLACK + round(pitch))):
            mask = grown(mask, corners=True)
        return mask


def near_rims(depth: Float32, depth_edge: float = DEPTH_EDGE) -> Bool:
    """[h, w] the pixels of the near side of a depth edge, or beside unknown depth that nothing nearer borders on.

    Args:
        depth: [h, w] metres, NaN where unknown.
        depth_edge: relative jump of depth that makes an edge.
    """
    known = np.isfinite(depth)
    farthest = over_windows(np.maximum, np.where(known, depth, np.float32(-np.inf)), ACROSS)
    nearest = over_windows(np.minimum, np.where(known, depth, np.float32(np.inf)), ACROSS)
    edge = np.float32(1 + depth_edge)
    with np.errstate(invalid="ignore"):
        before = known & (farthest > depth * edge)
        behind = known & (depth > nearest * edge)
    ends = grown(~known, corners=True) & known & ~behind
    # Only what touches the jump, not all that lies within the window.
    return np.asarray((before & _beside(depth, depth_edge)) | ends, dtype=np.bool_)


def _beside(depth: Float32, depth_edge: float) -> Bool:
    """[h, w] where a pixel's 3 x 3 pixels are no one surface."""
    lowest = over_windows(np.minimum, np.nan_to_num(depth, nan=0.0), 3)
    highest = over_windows(np.maximum, np.nan_to_num(depth, nan=0.0), 3)
    return np.asarray(highest > lowest * np.float32(1 + depth_edge), dtype=np.bool_)
