"""Real engines that behave badly on purpose. A server is started with `--engines engines_of_tests:engines`."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

import numpy as np

from blender_addon.core.errors import EngineError
from blender_addon.core.shot import Clip, ClipMetadata, EngineCapability, Shot
from server.engines.engine import Engine, Report, StepReport


class CopyEngine:
    """The preview as it came, one step a frame, with a pause in each: `options["pause"]` seconds."""

    name = "copy"

    @property
    def capability(self) -> EngineCapability:
        return EngineCapability(
            name=self.name, label=self.name, description="for tests", sizes=((64, 40),), frame_counts=(4,)
        )

    def generate(self, shot: Shot, report: Report) -> Clip:
        frames = np.zeros((*shot.preview.shape[:3], 3), dtype=np.uint8)
        for index, picture in enumerate(shot.preview):
            self.step(shot, index)
            frames[index] = picture[..., :3]
            report(StepReport(index + 1, len(shot.preview), "copying", frames[index]))
        t = shot.trajectory
        return Clip(
            frames,
            ClipMetadata(
                engine=self.name,
                engine_version="1",
                settings=shot.settings,
                width=t.width,
                height=t.height,
                fps=t.fps,
                camera_to_world=t.camera_to_world.tolist(),
                intrinsics=t.intrinsics.tolist(),
            ),
        )

    def step(self, shot: Shot, index: int) -> None:
        time.sleep(float(shot.settings.options.get("pause", 0.0)))


class CrashEngine(CopyEngine):
    """Crashes the process with a real segmentation fault at its second step."""

    name = "crash"

    def step(self, shot: Shot, index: int) -> None:
        if index == 1:
            ctypes.string_at(0)


class HangEngine(CopyEngine):
    """Never reports again after its first step."""

    name = "hang"

    def step(self, shot: Shot, index: int) -> None:
        while index == 1:
            time.sleep(1.0)


class RaiseEngine(CopyEngine):
    """Has a bug."""

    name = "bug"

    def step(self, shot: Shot, index: int) -> None:
        raise KeyError("what every engine has sometimes")


class MemoryEngine(CopyEngine):
    """Asks for more memory than there is."""

    name = "memory"

    def step(self, shot: Shot, index: int) -> None:
        np.zeros(2**60, dtype=np.uint8)


class RefuseEngine(CopyEngine):
    """Says no in words."""

    name = "refuse"

    def step(self, shot: Shot, index: int) -> None:
        raise EngineError("The shot is too dark", "mean 3 of 255", "Light it.")


def engines() -> dict[str, Callable[[], Engine]]:
    kinds = (CopyEngine, CrashEngine, HangEngine, RaiseEngine, MemoryEngine, RefuseEngine)
    return {kind.name: kind for kind in kinds}
