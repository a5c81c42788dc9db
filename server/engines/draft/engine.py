"""The draft engine: the preview where the photo is visible, elsewhere a fill that is consistent over the frames."""

from __future__ import annotations

import time

import numpy as np

from blender_addon.core.arrays import UInt8
from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import EngineCapability, EngineOption
from blender_addon.core.protocol.engine_checks import checked_option
from blender_addon.core.protocol.engine_facts import CAMERA, LENS, PHOTO, PREVIEW, EngineFacts
from server.engines.draft.fill import WorldFill
from server.engines.engine import EngineNeeds

VERSION = "2"
"""Version of the engine, stored with its clips."""

SEAM = EngineOption(
    name="seam",
    label="Seam softness",
    description="How much the first pixel beside the photo's cut-out edge takes from it: 0 is a hard edge",
    kind="float",
    default=0.7,
    minimum=0.0,
    maximum=1.0,
)
KEEP_LAYERS = EngineOption(
    name="keep_layers",
    label="Keep the background",
    description="Hand back what was filled in behind and beside the photo as meshes with their textures "
    "(background.npz beside the clip), to paint on them or to project another picture onto them",
    kind="bool",
    default=False,
)
CAPABILITY = EngineCapability(
    name="draft",
    label="Draft (geometry only)",
    description="The photo itself where the camera sees it; behind and beside it the surroundings continue softly. "
    "No model, no GPU: for blocking a move, not for the final picture.",
    sizes=((512, 320), (320, 512), (256, 256), (512, 512), (768, 432), (1024, 576), (576, 1024)),
    frame_counts=(16, 1, 8, 24, 25, 32, 48, 64, 96, 128, 256),
    draft=True,
    reads_prompt=False,
    options=(SEAM, KEEP_LAYERS),
    about=EngineFacts(reads=(PHOTO, PREVIEW, CAMERA, LENS)),
)
QUIET = 0.3
"""Seconds without a report after which a long step reports again."""
TYPICAL_PASSES = 4
"""How often each frame is drawn for a usual move; an estimate for the progress bar."""


class DraftEngine:
    """An Engine. It is deterministic: the seed changes nothing."""

    needs = EngineNeeds()

    @property
    def capability(self) -> EngineCapability:
        """What the engine can do; it is always available."""
        return CAPABILITY

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        """The clip of a shot: the scene is filled once, then rendered behind the preview.

        Args:
            shot: what to make.
            report: called for each frame drawn; what it raises (Cancelled) ends the clip.

        Raises:
            EngineError: an option cannot be used.
        """
        started = time.perf_counter()
        count = len(shot.trajectory)
        progress = _Progress(report, count)
        fill = WorldFill(shot, progress.step, progress.alive)
        fill.fill()
        progress.last_pass()
        seam = float(checked_option(SEAM, shot.settings.options.get("seam", SEAM.default)))
        frames = np.empty((*shot.preview.shape[:3], 3), np.uint8)
        for index in range(count):
            frames[index] = fill.frame(index, seam)
            progress.step("Finishing", frames[index])
        seconds = time.perf_counter() - started
        made = ClipMetadata.of(shot, engine=CAPABILITY.name, engine_version=VERSION, seconds=seconds, draft=True)
        keeps = checked_option(KEEP_LAYERS, shot.settings.options.get("keep_layers", KEEP_LAYERS.default))
        return Clip(frames, made, background=fill.layers() if keeps else ())


class _Progress:
    """Counts steps while the number of passes is unknown: the count waits before the last pass until that begins."""

    def __init__(self, report: OnProgress, count: int) -> None:
        self._report, self._count, self._done = report, count, 0
        self._ceiling = count * TYPICAL_PASSES
        self._steps = self._ceiling + count
        self._told, self._stage = time.monotonic(), "Completing the depth"

    def step(self, stage: str, preview: UInt8 | None = None) -> None:
        """Report that one frame was drawn."""
        self._done = min(self._done + 1, self._ceiling)
        self._tell(stage, preview)

    def _tell(self, stage: str, preview: UInt8 | None) -> None:
        self._told, self._stage = time.monotonic(), stage
        self._report(JobProgress(self._done, self._steps, stage, preview))

    def alive(self) -> None:
        """Report again what was reported last, so that a long step can be cancelled."""
        if time.monotonic() - self._told > QUIET:
            self._tell(self._stage, None)

    def last_pass(self) -> None:
        """Begin the last pass, in which every frame is drawn once more."""
        self._done, self._ceiling = self._ceiling, self._steps
