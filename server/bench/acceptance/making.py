"""A clip made by an engine in this process, with its steps timed and its memory measured."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from blender_addon.core.payloads.clip import Clip
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import JobProgress, OnProgress
from server.bench.peak_memory import peak_memory
from server.engines.engine import Engine
from server.engines.graphics_card import card_memory
from server.engines.pipelines.memory.plans import PLANS, Demand, needed
from server.engines.pipelines.memory.sizes import SIZES

from .records import MakingFigures, StageSeconds

BEFORE_FIRST = "Starting"
"""What an engine does before it first says what it does: it loads its libraries, the first time."""


@dataclass
class StepClock:
    """An OnProgress that notes when steps were done and stages began, and hands the progress on.

    Attributes:
        on_progress: is told everything too.
        steps: (steps done, seconds of the clock) at each report of a new number.
        stages: (name, seconds of the clock) at each report of a new stage.
    """

    on_progress: OnProgress
    steps: list[tuple[int, float]] = field(default_factory=list)
    stages: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, progress: JobProgress) -> None:
        """Note it and hand it on."""
        now = time.perf_counter()
        if not self.steps or self.steps[-1][0] != progress.done:
            self.steps.append((progress.done, now))
        if not self.stages or self.stages[-1][0] != progress.stage:
            self.stages.append((progress.stage, now))
        self.on_progress(progress)

    def seconds_a_step(self) -> float | None:
        """The median over the steps after the first, which also warms up; None with fewer than two."""
        # The first report has no step done, or the steps of an attempt before.
        done = self.steps[1:]
        gaps = [(later - before) / (to - at) for (at, before), (to, later) in pairwise(done) if to > at]
        return median(gaps) if gaps else None

    def stage_seconds(self, ended: float) -> tuple[StageSeconds, ...]:
        """The stages with their length; the last one lasts until `ended`, in seconds of the clock."""
        times = [*self.stages, ("", ended)]
        return tuple(StageSeconds(stage=name, seconds=end - began) for (name, began), (_, end) in pairwise(times))


def made_clip(engine: Engine, shot: Shot, weights: str, on_progress: OnProgress) -> tuple[Clip, MakingFigures]:
    """The engine's clip of a shot, and how it was made.

    Args:
        engine: makes it.
        shot: what is made.
        weights: name of the pipeline's weights, for what its memory plans calculate.
        on_progress: is told the engine's progress.

    Raises:
        EngineError: the clip cannot be made; what else the engine or `on_progress` raises passes through.
    """
    _begin_counting()
    began = time.perf_counter()
    clock = StepClock(on_progress, stages=[(BEFORE_FIRST, began)])
    clip = engine.generate(shot, clock)
    ended = time.perf_counter()
    used, reserved = _card_peaks()
    return clip, MakingFigures(
        seconds=ended - began,
        steps=clock.steps[-1][0] if clock.steps else 0,
        seconds_a_step=clock.seconds_a_step(),
        stages=clock.stage_seconds(ended),
        card_peak_bytes=used,
        card_reserved_bytes=reserved,
        card_calculated_bytes=_calculated(weights, shot),
        process_peak_bytes=peak_memory(),
        engine_version=clip.metadata.engine_version,
        weights_hash=clip.metadata.weights_hash,
        notes=clip.notes,
    )


def _begin_counting() -> None:
    if card_memory() is not None:
        import torch

        # Without it there is nothing to reset yet, which is an error.
        torch.cuda.init()
        torch.cuda.reset_peak_memory_stats()


def _card_peaks() -> tuple[int, int]:
    """(bytes used by tensors, bytes held by PyTorch) at most since the counting began; zeros without a card."""
    if card_memory() is None:
        return 0, 0
    import torch

    return int(torch.cuda.max_memory_allocated()), int(torch.cuda.max_memory_reserved())


def _calculated(weights: str, shot: Shot) -> dict[str, int]:
    if weights not in SIZES or card_memory() is None:
        return {}
    camera = shot.trajectory
    demand = Demand(camera.width, camera.height, len(camera))
    return {name: int(needed(SIZES[weights], demand, plan).device) for name, plan in PLANS.items()}
