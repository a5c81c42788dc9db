"""Measure how long the draft engine takes, for `realcam bench`."""

from __future__ import annotations

import time

import numpy as np

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.camera.frame_fit import FrameFit
from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.engines.draft.engine import DraftEngine
from server.geometry.preview import PreviewRenderer

ARC_DEGREES = 25.0
"""Degrees of the arc, half of them to each side of the photo."""


def arc_shot(
    photo: UInt8, depth: Float32, intrinsics: Float64, frames: int = 16, size: tuple[int, int] = (512, 320)
) -> Shot:
    """A shot on an arc of ARC_DEGREES about the middle of the scene, with its preview rendered here.

    Args:
        photo: [H, W, 3] uint8 sRGB.
        depth: [h, w] float32 metres along z, NaN where unknown.
        intrinsics: [3, 3] in pixels of the photo.
        frames: of the shot.
        size: (width, height) of the shot, pixels.
    """
    photo_size = (photo.shape[1], photo.shape[0])
    pivot = np.array([0.0, 0.0, float(np.nanmedian(depth))])
    angles = np.radians(np.linspace(-ARC_DEGREES / 2, ARC_DEGREES / 2, frames))
    poses = np.repeat(np.eye(4)[None], frames, axis=0)
    poses[:, :3, :3] = rotation_exp(angles[:, None] * np.array([[0.0, 1.0, 0.0]]))
    poses[:, :3, 3] = pivot - poses[:, :3, :3] @ pivot
    trajectory = FrameFit(photo_size, size).trajectory(Trajectory(poses, intrinsics, *photo_size))
    renderer = PreviewRenderer(photo, depth_mesh(depth, intrinsics, photo_size))
    preview = np.stack(list(renderer.frames(trajectory)))
    return Shot(trajectory, preview, photo, intrinsics, depth, ShotSettings(engine="draft"))


def seconds_a_clip(shot: Shot, repeats: int = 3) -> float:
    """Seconds of the fastest of `repeats` runs of the draft engine on this shot."""
    engine, best = DraftEngine(), np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        engine.generate(shot, lambda _: None)
        best = min(best, time.perf_counter() - started)
    return float(best)
