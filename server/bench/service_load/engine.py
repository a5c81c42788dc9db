"""The engine of the measurement: a fixed time for each step, and no work."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.payloads.shot_file import encode_shot
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import EngineCapability
from server.engines.engine import Engine, EngineNeeds

CLOCKWORK = "clockwork"
"""Name of the engine."""
STEP_SECONDS = "REALCAM_BENCH_STEP_SECONDS"
"""The environment variable that says how long a step takes."""
STEPS = 10
WIDTH, HEIGHT, FRAMES = 64, 40, 2


class ClockworkEngine:
    """Returns the preview's pixels after STEPS steps, each of which sleeps."""

    needs = EngineNeeds()

    @property
    def capability(self) -> EngineCapability:
        """Shots of one size and frame count."""
        return EngineCapability(
            name=CLOCKWORK,
            label="Clockwork",
            description="for measuring",
            sizes=((WIDTH, HEIGHT),),
            frame_counts=(FRAMES,),
        )

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        """The preview without its alpha, as a clip."""
        seconds = float(os.environ.get(STEP_SECONDS, "0.1"))
        for step in range(STEPS):
            time.sleep(seconds)
            report(JobProgress(step + 1, STEPS, "ticking"))
        return Clip(shot.preview[..., :3].copy(), ClipMetadata.of(shot, engine=CLOCKWORK, engine_version="1"))


def engines() -> dict[str, Callable[[], Engine]]:
    """The factories for `realcam serve --engines server.bench.service_load.engine:engines`."""
    return {CLOCKWORK: ClockworkEngine}


def small_payload() -> bytes:
    """A grey shot for this engine, some 30 KB: what is measured is the service, not the wire."""
    lens = np.array([[80.0, 0, WIDTH / 2], [0, 80.0, HEIGHT / 2], [0, 0, 1]])
    poses = np.repeat(np.eye(4)[None], FRAMES, axis=0)
    shot = Shot(
        trajectory=Trajectory(poses, lens, WIDTH, HEIGHT),
        preview=np.full((FRAMES, HEIGHT, WIDTH, 4), 128, np.uint8),
        photo=np.full((HEIGHT, WIDTH, 3), 128, np.uint8),
        photo_intrinsics=lens,
        depth=np.full((HEIGHT, WIDTH), 2.0, np.float32),
        settings=ShotSettings(engine=CLOCKWORK),
    )
    return encode_shot(shot)
