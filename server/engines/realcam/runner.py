"""Runs shots on a device: loads the model, reports, cancels, and makes do with less memory once."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata

import psutil
import torch
from torch import Tensor

from blender_addon.core.errors import EngineError
from blender_addon.core.shot import Clip, ClipMetadata, Shot, UInt8
from server.diffusion.guidance import GuidanceConfig
from server.diffusion.sampler import SeededNoise
from server.diffusion.shaping import Threshold
from server.engines.engine import Checkpoints, Report, StepReport
from server.realcam.allocator import keep_freed_memory
from server.realcam.conditions import SOURCE_FPS, fps_value
from server.realcam.config import ModelConfig
from server.realcam.latent_preview import latent_picture
from server.realcam.model import RealCamModel
from server.realcam.offload import offloaded
from server.realcam.processor import computes_in_bfloat16
from server.realcam.shot_sampler import Hooks, SamplingOptions, sample_shot
from server.realcam.vae import TILE

from .memory_plan import FAST, PLAIN, SMALL, MemoryPlan, needed_memory, plans, what_would_fit
from .settings import RealCamSettings, read_settings
from .shot_checkpoint import NoCheckpoints, ShotKeeper, clip_digest
from .shot_inputs import shot_inputs
from .sources import ModelSource, Size

log = logging.getLogger("realcam.engine")

VERSION = "1"
PICTURE_EVERY = 2
"""Steps between pictures of how the clip looks."""

POLL_SECONDS = 0.2
"""How often a cancel is looked for inside a step."""

TRAINED_FPS = (5, 30)


@dataclass(frozen=True)
class _Kept:
    """Which model is loaded, and how."""

    config: ModelConfig
    dtype: torch.dtype
    offloaded: bool


@dataclass(frozen=True)
class _Loaded:
    kept: _Kept
    model: RealCamModel


def _notes(cut: str, plan: MemoryPlan, size: Size) -> list[str]:
    notes = [f"The prompt was longer than the model reads: {cut!r} was left out."] if cut else []
    if plan.tiled and max(size) > TILE:
        notes.append("Memory was short: the pictures were decoded in tiles, faint seams are possible.")
    return notes


class Runner:
    """One device, at most one model at a time."""

    def __init__(self, source: ModelSource) -> None:
        self._source = source
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._loaded: _Loaded | None = None
        if self._device.type == "cpu":
            keep_freed_memory()

    def run(self, shot: Shot, report: Report, checkpoints: Checkpoints | None = None) -> Clip:
        """The clip. Raises EngineError or what `report` and `checkpoints` raise."""
        started = time.perf_counter()
        settings = read_settings(shot.settings.options)
        size = (shot.trajectory.width, shot.trajectory.height)
        self._check_size(size)
        config = self._source.config(size)
        inputs = shot_inputs(shot, settings, config)
        inputs = replace(inputs, picture=inputs.picture.to(self._device))
        dtype = chosen_dtype(settings, self._device)
        progress = _Progress(report, len(shot.trajectory))
        notes: list[str] = []

        def attempt(plan: MemoryPlan) -> tuple[UInt8, RealCamModel]:
            progress.stage("Loading the model")
            model = self._model(size, dtype, plan.offloaded)
            notes[:] = _notes(model.tokenizer(shot.settings.prompt).cut, plan, size)
            keeper = ShotKeeper(checkpoints or NoCheckpoints(), clip_digest(shot, model, VERSION, plan.name))
            options = sampling_options(shot, settings, config, plan)
            noise = SeededNoise(shot.settings.seed, self._device)
            return sample_shot(model, inputs, options, noise, progress.hooks(keeper), keeper.last(self._device)), model

        needs = self._needs(size, len(shot.trajectory), dtype)
        chosen = plans(settings.memory, self._device.type, needs, self._free_without_model())
        frames, model = self._within_memory(attempt, chosen, needs, size, len(shot.trajectory))
        return Clip(frames, self._metadata(shot, model, time.perf_counter() - started), tuple(notes))

    def _needs(self, size: Size, frames: int, dtype: torch.dtype) -> dict[MemoryPlan, int]:
        config = self._source.config(size)
        count = min(frames, config.frames)
        return {
            plan: needed_memory(config, size, count, dtype, plan, self._device.type) for plan in (FAST, PLAIN, SMALL)
        }

    def _free_without_model(self) -> int:
        """Bytes that are free when the model that is loaded makes room."""
        free = free_memory(self._device)
        if self._loaded is not None:
            parts = self._loaded.model.parts().values()
            free += sum(p.nbytes for part in parts for p in part.parameters() if p.device.type == self._device.type)
        return free

    def _check_size(self, size: Size) -> None:
        sizes = self._source.sizes()
        if size not in sizes:
            known = ", ".join(f"{w} x {h}" for w, h in sizes)
            raise EngineError(
                "There are no weights for this picture size", f"{size[0]} x {size[1]}, there are for {known}"
            )

    def _model(self, size: Size, dtype: torch.dtype, offload: bool) -> RealCamModel:
        offload = offload and self._device.type == "cuda"
        wanted = _Kept(self._source.config(size), dtype, offload)
        if self._loaded is None or self._loaded.kept != wanted:
            self._loaded = None
            release_memory()
            model = self._source.load(size, torch.device("cpu") if offload else self._device, dtype)
            self._loaded = _Loaded(wanted, offloaded(model, self._device) if offload else model)
        return self._loaded.model

    def _within_memory(
        self,
        attempt: Callable[[MemoryPlan], tuple[UInt8, RealCamModel]],
        chosen: tuple[MemoryPlan, ...],
        needs: dict[MemoryPlan, int],
        size: Size,
        frames: int,
    ) -> tuple[UInt8, RealCamModel]:
        """What `attempt` makes; when memory runs out, once more with the next plan, then in words what would fit."""
        for plan in chosen:
            try:
                return attempt(plan)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            # Only here are the tensors free that the error's traceback held.
            log.warning("out of memory with the plan %s", plan.name)
            self._loaded = None
            release_memory()
        free = free_memory(self._device)
        sources = [(known, self._source.config(known)) for known in self._source.sizes()]
        raise EngineError(
            "The machine ran out of memory",
            f"{size[0]} x {size[1]} pixels need about {needs[chosen[-1]] / 2**30:.1f} GB, "
            f"with nothing loaded {free / 2**30:.1f} GB are free",
            what_would_fit(sources, frames, free, self._device.type) + " Or close other programs that use memory.",
        )

    def _metadata(self, shot: Shot, model: RealCamModel, seconds: float) -> ClipMetadata:
        t = shot.trajectory
        return ClipMetadata(
            engine="realcam",
            engine_version=f"{VERSION}, {model.config.name}, torch {metadata.version('torch')}, "
            f"{str(model.dtype).removeprefix('torch.')} on {model.device.type}",
            settings=shot.settings,
            width=t.width,
            height=t.height,
            fps=t.fps,
            camera_to_world=t.camera_to_world.tolist(),
            intrinsics=t.intrinsics.tolist(),
            weights_hash=model.weights_hash,
            seconds=seconds,
            draft=model.weights_hash.startswith("random-"),
        )


class _Progress:
    """Steps to reports, with a picture now and then; between steps it only asks whether to go on."""

    def __init__(self, report: Report, frames: int) -> None:
        self._report, self._frames = report, frames
        self._last = StepReport(0, 1, "Loading the model")
        self._reported = time.monotonic()

    def hooks(self, keeper: ShotKeeper) -> Hooks:
        def work() -> None:
            self._work()
            keeper.on_work()

        return Hooks(on_step=self._step, on_work=work, on_stage=self.stage, on_state=keeper.on_state)

    def stage(self, name: str) -> None:
        self._send(StepReport(self._last.step, self._last.steps, name))

    def _step(self, done: int, of: int, clean: Tensor) -> None:
        picture = latent_picture(clean, clean.shape[2] // 2) if done % PICTURE_EVERY == 0 or done == of else None
        self._send(StepReport(done, of, "Sampling", picture))

    def _work(self) -> None:
        if time.monotonic() - self._reported >= POLL_SECONDS:
            self._send(replace(self._last, preview=None))

    def _send(self, step: StepReport) -> None:
        self._last, self._reported = step, time.monotonic()
        self._report(step)


def sampling_options(
    shot: Shot, settings: RealCamSettings, config: ModelConfig, plan: MemoryPlan = PLAIN
) -> SamplingOptions:
    """The artist's settings as the sampler's."""
    return SamplingOptions(
        prompt=shot.settings.prompt,
        negative_prompt=shot.settings.negative_prompt,
        steps=settings.steps,
        eta=settings.eta,
        guidance=GuidanceConfig(
            scale=settings.guidance,
            rescale=settings.guidance_rescale,
            camera_scale=settings.camera_guidance,
            camera_schedule=settings.camera_schedule,
        ),
        shaping="clean" if settings.shaping == "clean" else "noisy",
        threshold=Threshold(settings.shaping_until),
        fps=told_fps(settings.motion_fps or shot.trajectory.fps, config),
        overlap=settings.overlap,
        faithful=settings.faithful,
        lossy_guidance_every=settings.lossy_guidance_every,
        batched=plan.batched,
        tiled=plan.tiled,
    )


def told_fps(fps: float, config: ModelConfig) -> int:
    """What the network is told for a clip of `fps`, kept within what it was trained on."""
    inside = min(max(fps, TRAINED_FPS[0]), TRAINED_FPS[1])
    return fps_value(config, max(1, round(SOURCE_FPS / inside))) if config.fps_condition == "stride" else round(inside)


def chosen_dtype(settings: RealCamSettings, device: torch.device) -> torch.dtype:
    if settings.precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[settings.precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if computes_in_bfloat16() else torch.float32


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA says so by type, the CPU's allocator in words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "not enough memory" in str(error) or "can't allocate memory" in str(error)


def free_memory(device: torch.device) -> int:
    """Bytes."""
    return int(torch.cuda.mem_get_info()[0]) if device.type == "cuda" else int(psutil.virtual_memory().available)


def release_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
