"""OpenCV's axes to Blender's, for the photo's scene: x right in both, y down to y up, z forward to z back."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_FLIP = np.array([1, -1, -1], dtype=np.float32)

T = TypeVar("T", np.float32, np.float64)


def blender_points(points: NDArray[T]) -> NDArray[T]:
    """Points of the reference camera in that camera's Blender axes.

    Args:
        points: [N, 3] in the reference camera's OpenCV axes.

    Returns:
        [N, 3], dtype and unit unchanged.
    """
    return points * _FLIP.astype(points.dtype)


def blender_matrix(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A linear map of the reference camera's OpenCV axes as one of its Blender axes.

    Args:
        matrix: [3, 3].

    Returns:
        [3, 3] float64.
    """
    return np.asarray(_FLIP[:, None] * matrix * _FLIP, dtype=np.float64)


def depth_of(blender_points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth along the optical axis of points in the reference camera's Blender axes.

    Args:
        blender_points: [N, 3] float32, metres.

    Returns:
        [N] float32 metres, positive in front of the camera.
    """
    return -blender_points[:, 2]
