"""A synthetic room with exact pixels and depth, filmed along a known path, to test an evaluation.

Textured boxes inside a textured room, ray-cast analytically: pixels and depth are exact to rounding.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.camera.projection import pixel_grid
from blender_addon.core.camera.trajectory import Trajectory

ROOM = ((-3.0, -1.6, -3.0), (3.0, 1.3, 5.5))
"""Opposite corners in metres, OpenCV axes (y down), from the reference camera at the origin."""
BOXES = (
    ((-1.9, 0.1, 2.6), (-0.9, 1.3, 3.4)),
    ((0.6, 0.5, 1.9), (1.4, 1.3, 2.6)),
    ((-0.5, 0.8, 2.2), (0.2, 1.3, 2.8)),
    ((0.9, -1.0, 3.8), (1.9, 0.1, 4.6)),
    ((-2.6, -1.2, 4.2), (-1.6, -0.4, 5.0)),
)
"""Opposite corners, as of ROOM."""

TEXEL = 0.01
"""Metres. Surfaces have a noise texture of this resolution, blurred at several scales so that it is visible from any
distance.
"""

TEXTURE = 1024
"""Texels on each side of the texture, which repeats."""
GRAINS = ((1.0, 0.7), (3.0, 0.8), (9.0, 1.0), (27.0, 1.0))
"""(standard deviation of the blur in texels, weight)."""


def film_room(trajectory: Trajectory) -> tuple[UInt8, NDArray[np.float32]]:
    """Render the room along a trajectory.

    Args:
        trajectory: its world is the room's.

    Returns:
        Frames [F, H, W, 3] uint8, and depth along z [F, H, W] float32, metres.
    """
    shots = [
        _film(trajectory.camera_to_world[i], trajectory.intrinsics[i], trajectory.width, trajectory.height)
        for i in range(len(trajectory))
    ]
    return np.stack([shot[0] for shot in shots]), np.stack([shot[1] for shot in shots])


def _film(camera_to_world: Float64, intrinsics: Float64, width: int, height: int) -> tuple[UInt8, NDArray[np.float32]]:
    grid = np.concatenate([pixel_grid(width, height), np.ones((height, width, 1))], axis=-1).reshape(-1, 3)
    rays = grid @ np.linalg.inv(intrinsics).T @ camera_to_world[:3, :3].T
    origin = camera_to_world[:3, 3]
    # Rays have z = 1 in the camera's frame, so that the distance along them is the depth.
    depth = _slabs(origin, rays, *ROOM)[1]
    low, high = np.array(ROOM[0]) * np.ones_like(rays), np.array(ROOM[1]) * np.ones_like(rays)
    tint = np.zeros(len(rays))
    for index, box in enumerate(BOXES, start=1):
        near, far = _slabs(origin, rays, *box)
        hit = (near < far) & (near > 0) & (near < depth)
        depth[hit], tint[hit] = near[hit], index
        low[hit], high[hit] = box
    picture = _paint(origin + rays * depth[:, None], low, high, tint)
    return picture.reshape(height, width, 3), depth.reshape(height, width).astype(np.float32)


def _slabs(origin: Float64, rays: Float64, low: tuple[float, ...], high: tuple[float, ...]) -> tuple[Float64, Float64]:
    """Where rays enter and leave a box.

    Args:
        origin: [3].
        rays: [N, 3] directions.
        low, high: opposite corners of the box.

    Returns:
        Two [N] ray parameters; where the first is larger, the ray misses the box.
    """
    with np.errstate(divide="ignore"):
        first, second = (np.array(low) - origin) / rays, (np.array(high) - origin) / rays
    return np.minimum(first, second).max(axis=1), np.maximum(first, second).min(axis=1)


def _paint(points: Float64, low: Float64, high: Float64, tint: Float64) -> UInt8:
    """Colours of points on the faces of boxes; each face of each box has its own texture offset and tint.

    Args:
        points: [N, 3].
        low, high: [N, 3] corners of the box that each point is on.
        tint: [N] number of that box.

    Returns:
        [N, 3] uint8.
    """
    face = np.argmin(np.minimum(np.abs(points - low), np.abs(points - high)), axis=1)
    others = np.array([[1, 2], [0, 2], [0, 1]])[face]
    where = np.take_along_axis(points, others, axis=1) / TEXEL + 211.0 * (tint * 3 + face)[:, None]
    grey = map_coordinates(_texture(), where.T, order=1, mode="grid-wrap")
    colour = 0.75 + 0.25 * np.sin((tint * 3 + face)[:, None] * [1.7, 2.9, 4.3])
    return np.asarray(np.clip(grey[:, None] * colour * 255, 0, 255), dtype=np.uint8)


@cache
def _texture() -> Float64:
    """[TEXTURE, TEXTURE] float64 in 0..1, repeating without a seam."""
    random = np.random.default_rng(20)
    total = np.zeros((TEXTURE, TEXTURE))
    for sigma, weight in GRAINS:
        layer = gaussian_filter(random.standard_normal((TEXTURE, TEXTURE)), sigma, mode="wrap")
        total += weight * layer / layer.std()
    return np.asarray(np.clip(0.55 + 0.16 * total, 0.02, 1.0), dtype=np.float64)
