"""Shots for tests, very small: corners of the motorcycle photo, and previews rendered by the server's renderer."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from blender_addon.core.arrays import Bool, Float32, Float64, UInt8
from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.depth.rasterize import rasterize
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.protocol.capability import SettingValue
from server.demo.motorcycle import Motorcycle
from server.geometry.preview import PreviewRenderer


def small_shot(
    bike: Motorcycle, engine: str = "copy", pause: float = 0.0, frames: int = 4, seed: int = 0, **options: SettingValue
) -> Shot:
    """A corner of the motorcycle photo as a shot of 64 x 40 pixels."""
    width, height = 64, 40
    intrinsics = np.array([[80.0, 0, width / 2], [0, 80.0, height / 2], [0, 0, 1]])
    preview = np.full((frames, height, width, 4), 255, dtype=np.uint8)
    for index in range(frames):
        preview[index, ..., :3] = bike.photo[200 + index : 200 + index + height, 300 : 300 + width]
    settings = ShotSettings(engine=engine, seed=seed, options={"pause": pause, **options})
    return Shot(
        trajectory=Trajectory(np.repeat(np.eye(4)[None], frames, axis=0), intrinsics, width, height),
        preview=preview,
        photo=np.ascontiguousarray(bike.photo[180:260, 280:400]),
        photo_intrinsics=bike.intrinsics,
        depth=np.ascontiguousarray(bike.depth[180:260, 280:400]),
        settings=settings,
    )


def small_payload(
    bike: Motorcycle, engine: str = "copy", pause: float = 0.0, frames: int = 4, seed: int = 0, **options: SettingValue
) -> bytes:
    """The same as a shot file."""
    return encode_shot(small_shot(bike, engine, pause, frames, seed, **options))


def rendered(photo: UInt8, depth: Float32, intrinsics: Float64, trajectory: Trajectory) -> UInt8:
    """[F, h, w, 4] the photo's mesh as the trajectory's cameras see it. intrinsics: pixels of the photo."""
    mesh = depth_mesh(depth, intrinsics, (photo.shape[1], photo.shape[0]))
    return np.stack(list(PreviewRenderer(photo, mesh).frames(trajectory)))


def truck(metres: list[float], intrinsics: Float64, size: tuple[int, int]) -> Trajectory:
    """A camera that stands so many metres to the right in each frame."""
    poses = np.repeat(np.eye(4)[None], len(metres), axis=0)
    poses[:, 0, 3] = metres
    return Trajectory(poses, intrinsics, *size)


def sideways(frames: int, width: int = 128, height: int = 128, metres: float = 0.3) -> Trajectory:
    """A camera that moves sideways from the photo's."""
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 0, 3] = np.linspace(0, metres, frames)
    intrinsics = np.array([[170.0, 0, width / 2], [0, 170.0, height / 2], [0, 0, 1]])
    return Trajectory(poses, intrinsics, width, height, 24.0)


def realcam_shot(bike: Motorcycle, trajectory: Trajectory, **options: object) -> Shot:
    """The motorcycle at a quarter of its size, for the engine `realcam` in two steps."""
    small = np.ascontiguousarray(bike.photo[::4, ::4])
    size = (small.shape[1], small.shape[0])
    intrinsics = scaled_intrinsics(bike.intrinsics, (741, 500), size)
    preview = rendered(small, np.ascontiguousarray(bike.depth[::4, ::4]), intrinsics, trajectory)
    settings = ShotSettings(engine="realcam", prompt="a motorcycle", seed=3, options={"steps": 2, **options})  # type: ignore[dict-item]
    return Shot(trajectory, preview, small, intrinsics, bike.depth, settings)


def with_options(shot: Shot, **options: object) -> Shot:
    """The same with some options of its engine changed."""
    merged = {**shot.settings.options, **options}
    return replace(shot, settings=msgspec.structs.replace(shot.settings, options=merged))


def away_from_outlines(shot: Shot, pixels: int = 5) -> Bool:
    """[T, H, W] where a frame shows the photo, with no hole and no jump of depth within so many pixels.

    Args:
        shot: whose preview shows its mesh.
        pixels: from the middle of a square window to its border.
    """
    t, size = shot.trajectory, (shot.trajectory.width, shot.trajectory.height)
    mesh = depth_mesh(shot.depth, shot.photo_intrinsics, shot.photo_size, shot.depth_edge)
    result = np.empty(shot.preview.shape[:3], np.bool_)
    for frame in range(len(t)):
        seen = rasterize(mesh.vertices, mesh.all_triangles(), t.intrinsics[frame], t.camera_to_world[frame], size)
        around = np.pad(np.where(shot.preview[frame, ..., 3] == 255, seen.depth, np.inf), 1, mode="edge")
        steps = sliding_window_view(around, (3, 3))
        with np.errstate(invalid="ignore"):
            smooth = steps.max(axis=(2, 3)) <= steps.min(axis=(2, 3)) * (1 + shot.depth_edge)
        smooth &= np.isfinite(around[1:-1, 1:-1])
        windows = sliding_window_view(np.pad(smooth, pixels, mode="edge"), (2 * pixels + 1, 2 * pixels + 1))
        result[frame] = windows.all(axis=(2, 3))
    return result
