"""Film a world along a camera: pictures with every pixel the mean of several rays, and exact depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.camera.trajectory import Trajectory

from .atlas import to_srgb
from .world import World

RAYS = 3
"""Rays on each side of a pixel."""
BRIGHTNESS = 0.2
"""Mean linear light that a clip's first frame is exposed to: middle grey, 0.48 of the sRGB range."""
EXPOSURES = (0.5, 4.0)
"""Smallest and largest exposure, as a factor on the light of the map."""


@dataclass(frozen=True, eq=False)
class Film:
    """What a camera saw.

    Attributes:
        frames: [F, H, W, 3] uint8 sRGB.
        exposure: factor on the map's light, one for the whole film.
    """

    frames: UInt8
    exposure: float


def film(world: World, trajectory: Trajectory, rays: int = RAYS) -> Film:
    """Film a world.

    Args:
        world: it.
        trajectory: camera-to-world in the world's own axes and metres.
        rays: on each side of a pixel.
    """
    light = np.stack([_light(world, trajectory, i, rays) for i in range(len(trajectory))])
    exposure = float(np.clip(BRIGHTNESS / max(float(light[0].mean()), 1e-6), *EXPOSURES))
    return Film(to_srgb(light * np.float32(exposure)), exposure)


def film_depth(world: World, trajectory: Trajectory, frames: Iterable[int]) -> Float32:
    """Exact depth of some frames.

    Args:
        world: it.
        trajectory: camera-to-world in the world's own axes and metres.
        frames: which of its frames.

    Returns:
        [N, H, W] float32, metres along z through each pixel's centre; infinite for the sky.
    """
    found = []
    for frame in frames:
        directions = view_rays(trajectory, frame).reshape(-1, 3)
        origins = np.broadcast_to(trajectory.camera_to_world[frame, :3, 3], directions.shape)
        hits = world.cast(origins, directions)
        found.append(np.where(hits.sky, np.inf, hits.distance).reshape(trajectory.height, trajectory.width))
    return np.asarray(np.stack(found), dtype=np.float32)


def view_rays(trajectory: Trajectory, frame: int, rays: int = 1) -> Float64:
    """Directions of a frame's rays.

    Args:
        trajectory: its world is the directions'.
        frame: which one.
        rays: on each side of a pixel.

    Returns:
        [H * rays, W * rays, 3], each of length 1 along the camera's z.
    """
    width, height = trajectory.width, trajectory.height
    lens, pose = trajectory.intrinsics[frame], trajectory.camera_to_world[frame]
    x = ((np.arange(width * rays) + 0.5) / rays - lens[0, 2]) / lens[0, 0]
    y = ((np.arange(height * rays) + 0.5) / rays - lens[1, 2]) / lens[1, 1]
    # Written out: a product of matrices may round otherwise on another number of threads.
    across, down, ahead = pose[:3, 0], pose[:3, 1], pose[:3, 2]
    return np.asarray(x[None, :, None] * across + (y[:, None] * down + ahead)[:, None], dtype=np.float64)


def _light(world: World, trajectory: Trajectory, index: int, rays: int) -> Float32:
    """[H, W, 3] float32 linear light of a frame."""
    width, height = trajectory.width, trajectory.height
    directions = view_rays(trajectory, index, rays).reshape(-1, 3)
    origins = np.broadcast_to(trajectory.camera_to_world[index, :3, 3], directions.shape)
    spread = 1 / (rays * trajectory.intrinsics[index, 0, 0] * np.einsum("ni,ni->n", directions, directions))
    light = world.colours(world.cast(origins, directions), origins, directions, spread)
    rows = light.reshape(height, rays, width, rays, 3)
    total = sum(rows[:, i, :, j] for i in range(rays) for j in range(rays))
    return np.asarray(total / np.float32(rays * rays), dtype=np.float32)
