"""OpenCV's axes to Blender's, for the photo's scene: x right in both, y down to y up, z forward to z back."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_FLIP = np.array([1, -1, -1], dtype=np.float32)

T = TypeVar("T", np.float32, np.float64)


def blender_points(points: NDArray[T]) -> NDArray[T]:
    """Points [N, 3] of the reference camera's OpenCV frame in that camera's Blender axes."""
    return points * _FLIP.astype(points.dtype)


def blender_matrix(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A linear map [3, 3] of the reference camera's OpenCV frame as one of that camera's Blender axes."""
    return np.asarray(_FLIP[:, None] * matrix * _FLIP, dtype=np.float64)


def depth_of(blender_points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth along z [N] of points [N, 3] in the reference camera's Blender axes."""
    return -blender_points[:, 2]
