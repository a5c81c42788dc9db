"""A sparse reconstruction: cameras, points, and which camera saw which point at which pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float64, Int64
from blender_addon.core.camera.trajectory import inverse


@dataclass(frozen=True, eq=False)
class SparseModel:
    """A sparse reconstruction of F frames, P points and M observations.

    Observation m: frame[m] saw point[m] at pixel[m].

    Attributes:
        camera_to_world: [F, 4, 4] float64, OpenCV axes, in the reconstruction's own world and unit; NaN where a frame
            was not placed.
        points: [P, 3] float64, in the same world.
        frame: [M] int64 index of the frame.
        point: [M] int64 index of the point.
        pixel: [M, 2] float64 (x, y); the centre of the top-left pixel is (0.5, 0.5).
        reprojection_error: mean, pixels; NaN without observations.
    """

    camera_to_world: Float64
    points: Float64
    frame: Int64
    point: Int64
    pixel: Float64
    reprojection_error: float

    @property
    def placed(self) -> NDArray[np.bool_]:
        """[F] bool, whether the frame has a pose."""
        return np.asarray(np.isfinite(self.camera_to_world).all(axis=(1, 2)), dtype=np.bool_)

    def depths(self) -> Float64:
        """[M] float64, z of each observed point in the camera that saw it, in the model's unit."""
        world_to_camera = inverse(self.camera_to_world)[self.frame]
        points = self.points[self.point]
        return np.asarray(
            np.einsum("mi,mi->m", world_to_camera[:, 2, :3], points) + world_to_camera[:, 2, 3], dtype=np.float64
        )
