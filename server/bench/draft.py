"""Measure how long the draft engine takes and what memory it needs, for `realcam bench`."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

import msgspec
import numpy as np

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.camera.frame_fit import FrameFit
from blender_addon.core.camera.rotation import rotation_exp
from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.depth.depth_mesh import depth_mesh
from blender_addon.core.payloads.shot import Shot, ShotSettings
from server.bench.peak_memory import peak_memory
from server.engines.draft.engine import DraftEngine
from server.geometry.preview import PreviewRenderer

ARC_DEGREES = 25.0
"""Degrees of the arc, half of them to each side of the photo."""

CLIPS = ((16, (512, 320)), (81, (832, 480)))
"""Frames and size of the clips that are measured."""


@dataclass(frozen=True)
class DraftCost:
    """What one clip of the draft engine costs.

    Attributes:
        frames: of the clip.
        width, height: of the clip, pixels.
        seconds: by the clock.
        processor_seconds: of all threads.
        peak_bytes: the most memory the process had, beyond what it had before: shot and imports.
        longest_silence: seconds without a report, in which a cancel must wait.
    """

    frames: int
    width: int
    height: int
    seconds: float
    processor_seconds: float
    peak_bytes: int
    longest_silence: float


def measure_draft(frames: int, size: tuple[int, int]) -> DraftCost:
    """What a clip on an arc around the motorcycle costs, in a process of its own. Needs scikit-image.

    Args:
        frames: of the clip.
        size: (width, height) of the clip, pixels.
    """
    command = [sys.executable, "-m", "server.bench.draft", *map(str, (frames, *size))]
    told = subprocess.run(command, capture_output=True, check=True)
    return msgspec.json.decode(told.stdout, type=DraftCost)


def arc_shot(
    photo: UInt8,
    depth: Float32,
    intrinsics: Float64,
    frames: int = 16,
    size: tuple[int, int] = (512, 320),
    first_degrees: float = -ARC_DEGREES / 2,
) -> Shot:
    """A shot on an arc of ARC_DEGREES about the middle of the scene, with its preview rendered here.

    Args:
        photo: [H, W, 3] uint8 sRGB.
        depth: [h, w] float32 metres along z, NaN where unknown.
        intrinsics: [3, 3] in pixels of the photo.
        frames: of the shot.
        size: (width, height) of the shot, pixels.
        first_degrees: of the first frame; the photo stands at 0.
    """
    photo_size = (photo.shape[1], photo.shape[0])
    pivot = np.array([0.0, 0.0, float(np.nanmedian(depth))])
    angles = np.radians(np.linspace(first_degrees, first_degrees + ARC_DEGREES, frames))
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


def _cost(frames: int, size: tuple[int, int]) -> DraftCost:
    from server.demo.motorcycle import motorcycle

    bike = motorcycle()
    shot = arc_shot(bike.photo, bike.depth, bike.intrinsics, frames, size)
    moments: list[float] = []
    before, began, processor = peak_memory(), time.perf_counter(), time.process_time()
    moments.append(began)
    DraftEngine().generate(shot, lambda _: moments.append(time.perf_counter()))
    seconds, processor_seconds = time.perf_counter() - began, time.process_time() - processor
    silence = float(np.diff(moments).max())
    return DraftCost(frames, *size, seconds, processor_seconds, peak_memory() - before, silence)


if __name__ == "__main__":
    count, width, height = map(int, sys.argv[1:])
    sys.stdout.buffer.write(msgspec.json.encode(_cost(count, (width, height))))
