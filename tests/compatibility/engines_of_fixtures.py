"""The engines that the fixtures were made with: a server is started with `--engines` and the name of `engines` here.

One of each kind, so that a store and a .blend hold jobs of each: clips, depth and a camera check.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import numpy as np

from blender_addon.core.payloads.check_request import CHECKER, CheckRequest, CheckResult
from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress, OnProgress
from blender_addon.core.protocol.capability import CHECK_MODE, EngineCapability, EngineOption
from server.engines.depth.engine import PredictorEngine
from server.engines.draft.engine import DraftEngine
from server.engines.engine import AnyEngine, Checkpoints
from tests.support.engines.depth import Wall
from tests.support.engines.misbehaving import CopyEngine, RefuseEngine

ENGINES = "tests.compatibility.engines_of_fixtures:engines"

KNOBS = (
    EngineOption(name="grain", label="Grain", description="for tests", kind="float", default=0.5, maximum=1.0),
    EngineOption(name="rounds", label="Rounds", description="for tests", kind="int", default=3, minimum=1),
    EngineOption(name="mirrored", label="Mirrored", description="for tests", kind="bool", default=False),
    EngineOption(
        name="look", label="Look", description="for tests", kind="choice", default="plain", choices=("plain", "rich")
    ),
)


class KnobsEngine(CopyEngine):
    """The preview as it came, from an engine with an option of each kind."""

    name = "knobs"

    @property
    def capability(self) -> EngineCapability:
        return msgspec.structs.replace(super().capability, options=KNOBS)


class TallyEngine(CopyEngine):
    """Frame n is grey n. Keeps a checkpoint of each step; the clip's notes say where it began.

    An attempt from the start waits after its second step for `options["pause"]` seconds; one that goes on does not.
    """

    name = "tally"

    def generate(self, shot: Shot, report: OnProgress) -> Clip:
        raise AssertionError("the worker must prefer generate_resumable")

    def generate_resumable(self, shot: Shot, report: OnProgress, checkpoints: Checkpoints) -> Clip:
        saved = checkpoints.load()
        begin = len(saved) if saved is not None else 0
        frames = np.zeros((*shot.preview.shape[:3], 3), dtype=np.uint8)
        for index in range(len(frames)):
            frames[index] = index
            if index < begin:
                continue
            checkpoints.save(bytes(range(index + 1)))
            report(JobProgress(index + 1, len(frames), "counting"))
            if index == 1 and not begin:
                time.sleep(float(shot.settings.options.get("pause", 0.0)))
        clip = self.clip(shot, frames)
        return Clip(clip.frames, clip.metadata, (f"It began at frame {begin}.",))


class AgreeingChecker:
    """Finds every camera where it was asked to be."""

    @property
    def capability(self) -> EngineCapability:
        return EngineCapability(
            name=CHECKER, label="Check", description="for tests", sizes=(), frame_counts=(), modes=(CHECK_MODE,)
        )

    def check(self, request: CheckRequest, report: OnProgress) -> CheckResult:
        count = len(request.frames)
        report(JobProgress(1, 1, "agreeing"))
        return CheckResult(
            frames=count,
            placed=tuple(range(count)),
            achieved=tuple(tuple(map(tuple, pose)) for pose in request.trajectory.camera_to_world.tolist()),
            degrees=(0.0,) * count,
            metres=(0.0,) * count,
            metric=True,
            scale=1.0,
            findings=("The camera follows.",),
        )


def engines() -> dict[str, Callable[[], AnyEngine]]:
    """Makers by name."""
    return {
        **{kind.name: kind for kind in (CopyEngine, KnobsEngine, RefuseEngine, TallyEngine)},
        "draft": DraftEngine,
        Wall.card.name: lambda: PredictorEngine(Wall.card, Wall),
        CHECKER: AgreeingChecker,
    }
