"""Measure one clip of an engine on a pipeline of diffusers, or the pipeline's call alone with the same inputs.

`python -m server.bench.engines.clip '{"engine": "vace", ...}'` prints one JSON object: in a process of its own, so that
its peak memory is that of this clip alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import numpy as np
import torch

from blender_addon.core.payloads.shot import Shot, ShotSettings
from blender_addon.core.progress import JobProgress
from blender_addon.core.protocol.capability import SettingValue
from server.bench.draft import arc_shot
from server.bench.memory_limit import limit_memory
from server.bench.peak_memory import peak_memory
from server.demo.motorcycle import motorcycle
from server.engines.compute_device import compute_device
from server.engines.machine_memory import this_machine
from server.engines.pipelines.adapter import Adapter
from server.engines.pipelines.fitting.clip_rule import padded_in_time
from server.engines.pipelines.fitting.piece import Piece
from server.engines.pipelines.memory.placement import placed
from server.engines.pipelines.memory.plans import PLANS, WHOLE, Demand, MemoryPlan, choose_plan, needed
from server.engines.pipelines.runner import PipelineRunner, chosen_dtype
from server.engines.pipelines.sources import RandomPipeline
from server.engines.sana_wm.adapter import SanaAdapter
from server.engines.sana_wm.random_pipeline import save_random_pipeline as save_sana
from server.engines.sana_wm.rule import RANDOM_RULE
from server.engines.sana_wm.settings import read_settings as sana_settings
from server.engines.vace.adapter import VaceAdapter
from server.engines.vace.random_pipeline import save_random_pipeline as save_vace
from server.engines.vace.settings import read_settings as vace_settings
from server.engines.wan_i2v.adapter import WanAdapter
from server.engines.wan_i2v.random_pipeline import save_random_pipeline as save_wan
from server.engines.wan_i2v.settings import read_settings as wan_settings

from .network_clock import LOADING, NetworkClock, Span
from .published_vace import save_published_size

FITTING = "Fitting the shot"
"""What comes before the first stage that is reported."""
VACE_PATCH = 4
"""Of the tiny network for `vace`: with a quarter of the published one's tokens a processor is done in minutes."""
SANA_PATCH = 16
"""Of the tiny VAE for `sana-wm`: with it a latent stands for 32 x 32 pixels, as the published one's does."""
RANDOM_PLAN = ""
"""Of a case: the plan is not chosen, everything is on the device."""


class EngineCase(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        engine: "vace", "wan-i2v" or "sana-wm".
        style: "engine", or "plain": the pipeline's call alone, with the same inputs and its own scheduler.
        network: "tiny", or "full": VACE of the size that its 1.3B network was published in.
        width, height: of the clip, pixels.
        frames: of the clip, one that the network makes.
        steps: of the sampling.
        guidance: of the words; 1 halves the network's work.
        plan: memory plan; "auto" for the one that is chosen for published weights, RANDOM_PLAN for none.
        threads: that torch may use on the CPU.
        limit_gib: memory that the process may take; 0 for no limit.
    """

    engine: str
    style: Literal["engine", "plain"] = "engine"
    network: Literal["tiny", "full"] = "tiny"
    width: int = 832
    height: int = 480
    frames: int = 81
    steps: int = 2
    guidance: float = 1.0
    plan: str = RANDOM_PLAN
    threads: int = 2
    limit_gib: float = 0.0


class EngineFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one case.

    Attributes:
        case: what was measured.
        device: "cpu" or "cuda".
        network: time within the networks: encoder of words, network, VAE.
        outside: the clip's other time but for the loading of networks, by stage of the work.
        step_seconds: from one step's end to the next, pictures on the way included.
        peak_bytes: peak memory of the process.
        card_bytes: peak memory of tensors on the card.
        plan: the memory plan that the clip was made by.
        plan_bytes: what it was calculated to need on the card; 0 where it was not chosen for one.
    """

    case: EngineCase
    device: str
    network: Span
    outside: dict[str, Span]
    step_seconds: list[float]
    peak_bytes: int
    card_bytes: int
    plan: str
    plan_bytes: float


@dataclass(frozen=True)
class _Engine:
    """An engine that is measured.

    Attributes:
        build: saves its tiny pipeline.
        adapter: for a shot's options.
    """

    build: Callable[[Path], None]
    adapter: Callable[[Mapping[str, Any]], Adapter]


ENGINES = {
    "vace": _Engine(lambda folder: save_vace(folder, VACE_PATCH), lambda options: VaceAdapter(vace_settings(options))),
    "wan-i2v": _Engine(save_wan, lambda options: WanAdapter(wan_settings(options))),
    "sana-wm": _Engine(
        lambda folder: save_sana(folder, SANA_PATCH), lambda options: SanaAdapter(sana_settings(options), RANDOM_RULE)
    ),
}


@dataclass(frozen=True)
class _Made:
    """How a clip was made.

    Attributes:
        moments: seconds at which steps ended.
        plan: the memory plan.
    """

    moments: tuple[float, ...]
    plan: MemoryPlan


class _Clocked:
    """An adapter whose networks are clocked.

    Args:
        adapter: the engine's.
        clock: takes the time.
    """

    def __init__(self, adapter: Adapter, clock: NetworkClock) -> None:
        self._adapter, self._clock = adapter, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def load(self, folder: Path, dtype: torch.dtype) -> Any:
        """See Adapter."""
        return self._watched(self._adapter.load, folder, dtype)

    def load_encoder(self, folder: Path, dtype: torch.dtype) -> Any:
        """See Adapter."""
        return self._watched(self._adapter.load_encoder, folder, dtype)

    def _watched(self, load: Callable[[Path, torch.dtype], Any], folder: Path, dtype: torch.dtype) -> Any:
        with self._clock.within(LOADING):
            pipe = load(folder, dtype)
        self._clock.watch(pipe)
        return pipe


def measure(case: EngineCase) -> EngineFigures:
    """The figures of one clip of a pipeline with random weights."""
    torch.set_num_threads(case.threads)
    device = compute_device()
    limit_memory(case.limit_gib, device.type)
    engine, shot = ENGINES[case.engine], bench_shot(case)
    build = save_published_size if case.network == "full" else engine.build
    # Only weights that are no draft's have their plan chosen.
    source = RandomPipeline(case.engine, build, draft=case.plan == RANDOM_PLAN)
    source.folder()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    clock = NetworkClock(device, FITTING)
    adapter = cast("Adapter", _Clocked(engine.adapter(shot.settings.options), clock))
    made = (_by_engine if case.style == "engine" else _by_pipeline)(shot, adapter, source, clock)
    clock.stage("")
    demand = Demand(case.width, case.height, case.frames)
    on_card = device.type == "cuda" and not source.draft
    return EngineFigures(
        case=case,
        device=device.type,
        network=clock.network,
        outside=clock.outside,
        step_seconds=[float(seconds) for seconds in np.diff(made.moments)],
        peak_bytes=peak_memory(),
        card_bytes=torch.cuda.max_memory_allocated() if device.type == "cuda" else 0,
        plan=made.plan.name,
        plan_bytes=needed(adapter.sizes, demand, made.plan).device if on_card else 0.0,
    )


def bench_shot(case: EngineCase) -> Shot:
    """A shot on an arc around the motorcycle that begins at the photo.

    Args:
        case: its size, frames and options.
    """
    bike = motorcycle()
    size = (case.width, case.height)
    shot = arc_shot(bike.photo, bike.depth, bike.intrinsics, case.frames, size, first_degrees=0.0)
    options: dict[str, SettingValue] = {"steps": case.steps, "guidance": case.guidance, "keep_seen": True}
    options["memory"] = case.plan or "auto"
    return replace(shot, settings=ShotSettings(engine=case.engine, prompt="a motorcycle", seed=3, options=options))


def _by_engine(shot: Shot, adapter: Adapter, source: RandomPipeline, clock: NetworkClock) -> _Made:
    """The clip as the engine makes it."""
    moments: list[float] = []
    steps = 0

    def report(progress: JobProgress) -> None:
        nonlocal steps
        if progress.done > steps:
            steps = progress.done
            moments.append(time.perf_counter())
        clock.report(progress.stage.partition(" (")[0])

    clip = PipelineRunner(source, "", [compute_device()]).run(shot, adapter, report)
    return _Made(tuple(moments), PLANS[clip.metadata.engine_version.rpartition("memory plan ")[2]])


def _by_pipeline(shot: Shot, adapter: Adapter, source: RandomPipeline, clock: NetworkClock) -> _Made:
    """The clip as the pipeline's call makes it; what it is given is made beforehand, and not counted."""
    device = compute_device()
    dtype = chosen_dtype(device)
    size, count = (shot.trajectory.width, shot.trajectory.height), len(shot.trajectory)
    plan = WHOLE
    if not source.draft:
        plan = choose_plan(adapter.sizes, Demand(*size, count), this_machine(), adapter.memory).plan
    moments: list[float] = []

    def on_step(_pipe: Any, _index: int, _timestep: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
        if device.type == "cuda":
            torch.cuda.synchronize()
        moments.append(time.perf_counter())
        return {}

    with clock.within(LOADING), torch.no_grad():
        encoder = adapter.load_encoder(source.folder(), dtype)
        words, _ = adapter.encode(encoder, shot.settings.prompt, shot.settings.negative_prompt)
        del encoder
        pipe = adapter.load(source.folder(), dtype)
        piece = _piece(shot, adapter)
    with placed(pipe, plan, device):
        with clock.within(LOADING):
            given = adapter.arguments(pipe, piece)
        pipe(
            **{name: part.to(device) for name, part in words.items()},
            **given,
            num_inference_steps=adapter.steps,
            generator=torch.Generator().manual_seed(piece.seed),
            output_type="np",
            callback_on_step_end=on_step,
        )
    return _Made(tuple(moments), plan)


def _piece(shot: Shot, adapter: Adapter) -> Piece:
    """The whole shot as one piece."""
    camera, fit = shot.trajectory, adapter.rule.fit((shot.trajectory.width, shot.trajectory.height))
    none = np.empty((0, *fit.engine_size[::-1], 3), np.uint8)
    fitted = padded_in_time(fit.shot(shot), adapter.rule.frames(len(camera)))
    return Piece(fitted, len(camera), fit.inside, none, first=True, last=True, seed=shot.settings.seed)


if __name__ == "__main__":
    found = measure(msgspec.json.decode(sys.argv[1], type=EngineCase))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
