"""The path that the measuring rod's room is filmed along in tests."""

from __future__ import annotations

import numpy as np

from blender_addon.core.camera.projection import intrinsics_from_fov
from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import Trajectory

WIDTH, HEIGHT, FRAMES = 256, 160, 9


def known_path() -> Trajectory:
    """Sideways and forwards, speeding up, while panning 12 degrees."""
    u = np.linspace(0.0, 1.0, FRAMES)
    poses = np.repeat(np.eye(4)[None], FRAMES, axis=0)
    poses[:, :3, :3] = rotation_exp(np.radians(12.0) * u[:, None] * [0.1, 1.0, 0.05])
    poses[:, :3, 3] = np.stack([0.45 * u, -0.08 * u, 0.3 * u + 0.34 * u**2], axis=1)
    return Trajectory(poses, intrinsics_from_fov(WIDTH, HEIGHT, np.radians(65)), WIDTH, HEIGHT)
