"""Points to pixels and back for the pinhole camera (OpenCV axes, pixel centres at half integers)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Float64
from .rotation import inverse


def intrinsics_matrix(fx: float, fy: float, cx: float, cy: float) -> Float64:
    """[3, 3] float64 intrinsics without skew, from focal lengths and principal point in pixels."""
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def intrinsics_from_fov(width: int, height: int, horizontal_fov: float) -> Float64:
    """[3, 3] float64 intrinsics of a camera with square pixels and a centred principal point.

    Args:
        width, height: pixels.
        horizontal_fov: radians.
    """
    focal = width / (2 * np.tan(horizontal_fov / 2))
    return intrinsics_matrix(focal, focal, width / 2, height / 2)


def scaled_intrinsics(intrinsics: Float64, size: tuple[int, int], new_size: tuple[int, int]) -> Float64:
    """The intrinsics of the same picture drawn at another size, each axis scaled on its own.

    Args:
        intrinsics: [..., 3, 3] in pixels of `size`.
        size: (width, height) they are for.
        new_size: (width, height) to scale to.

    Returns:
        [..., 3, 3] in pixels of `new_size`.
    """
    return np.diag([new_size[0] / size[0], new_size[1] / size[1], 1.0]) @ intrinsics


def project(points: Float64, intrinsics: Float64, camera_to_world: Float64) -> tuple[Float64, Float64]:
    """World points as one camera sees them.

    Args:
        points: [N, 3] world, metres.
        intrinsics: [3, 3] pixels.
        camera_to_world: [4, 4].

    Returns:
        Pixels [N, 2] (x, y), and depth along z [N] in metres. Points behind the camera have a depth <= 0 and no
        meaningful pixel.
    """
    world_to_camera = inverse(camera_to_world)
    in_camera = points @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    homogeneous = in_camera @ intrinsics.T
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = homogeneous[:, :2] / homogeneous[:, 2:]
    return pixels, in_camera[:, 2]


def unproject_pixels(pixels: Float64, depth: NDArray[np.floating[Any]], intrinsics: Float64) -> Float64:
    """The points that pixels show, in the camera's frame.

    Args:
        pixels: [N, 2] (x, y).
        depth: [N] along z, metres.
        intrinsics: [3, 3].

    Returns:
        [N, 3] metres; NaN where the depth is.
    """
    homogeneous = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
    return np.asarray((homogeneous @ np.linalg.inv(intrinsics).T) * depth[:, None], dtype=np.float64)


def pixel_grid(width: int, height: int) -> Float64:
    """[H, W, 2] float64, the pixel centres (x, y)."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x, y], axis=-1)


def unproject(depth: NDArray[np.floating[Any]], intrinsics: Float64) -> Float64:
    """The points that a depth map shows, in the camera's frame.

    Args:
        depth: [H, W] along z, metres; NaN where unknown.
        intrinsics: [3, 3] in pixels of the depth map.

    Returns:
        [H, W, 3] float64 metres; NaN where the depth is.
    """
    return np.stack(coordinates(depth, intrinsics), axis=-1)


def coordinates(depth: NDArray[np.floating[Any]], intrinsics: Float64) -> list[Float64]:
    """The points of `unproject` as three separate arrays, x, y and z, each [H, W]."""
    height, width = depth.shape
    x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    return [(per_x * x + (per_y * y + offset)) * depth for per_x, per_y, offset in np.linalg.inv(intrinsics)]
