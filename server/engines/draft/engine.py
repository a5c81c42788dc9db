"""The draft engine: the preview where the photo is visible, a fill that holds still in the world elsewhere."""

from __future__ import annotations

import time

import numpy as np

from blender_addon.core.shot import Clip, ClipMetadata, EngineCapability, EngineOption, Shot
from server.engines.engine import Report, StepReport
from server.geometry.pull_push import pull_push

VERSION = "1"

CAPABILITY = EngineCapability(
    name="draft",
    label="Draft (geometry only)",
    description="The photo itself where the camera sees it; behind and beside it the surroundings continue softly. "
    "No model, no GPU: for blocking a move, not for the final picture.",
    sizes=((512, 320), (320, 512), (256, 256), (512, 512), (768, 432), (1024, 576), (576, 1024)),
    frame_counts=(16, 1, 8, 24, 25, 32, 48, 64, 96, 128, 256),
    draft=True,
    options=(
        EngineOption(
            name="seam",
            label="Seam",
            description="How far the photo's edge is blended into what was made up beside it, pixels",
            kind="float",
            default=1.0,
            minimum=0.0,
            maximum=4.0,
        ),
    ),
)


class DraftEngine:
    """Engine protocol. Deterministic: the seed changes nothing."""

    @property
    def capability(self) -> EngineCapability:
        """Always available."""
        return CAPABILITY

    def generate(self, shot: Shot, report: Report) -> Clip:
        """Fill the world once, then render it behind the preview."""
        started = time.perf_counter()
        frames = np.empty((*shot.preview.shape[:3], 3), np.uint8)
        for index, preview in enumerate(shot.preview):
            colour = preview[..., :3].astype(np.float32)
            frames[index] = np.round(pull_push(colour, preview[..., 3].astype(np.float32) / 255))
            report(StepReport(index + 1, len(frames), "Rendering", frames[index]))
        return Clip(frames, _metadata(shot, time.perf_counter() - started))


def _metadata(shot: Shot, seconds: float) -> ClipMetadata:
    t = shot.trajectory
    return ClipMetadata(
        engine=CAPABILITY.name,
        engine_version=VERSION,
        settings=shot.settings,
        width=t.width,
        height=t.height,
        fps=t.fps,
        camera_to_world=t.camera_to_world.tolist(),
        intrinsics=t.intrinsics.tolist(),
        seconds=seconds,
        draft=True,
    )
