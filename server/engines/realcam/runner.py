"""Runs shots on a device: loads the model, samples within the memory there is, and describes what made the clip."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata

import torch

from blender_addon.core.arrays import UInt8
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from server.diffusion.sampler import SeededNoise, branches_of
from server.engines.clip_digest import clip_digest
from server.engines.compute_device import compute_devices
from server.engines.device_memory import first_within_memory, free_memory, release_memory, total_memory
from server.engines.engine import Checkpoints
from server.engines.keep_seen import LaidBack, laid_back
from server.model.config import ModelConfig
from server.model.cpu.processor import computes_in_bfloat16
from server.model.model import RealCamModel, offloaded
from server.model.packed import pack, packing_pays
from server.model.sampling.branch_devices import replicated
from server.model.sampling.compiled import compile_blocks
from server.model.sampling.shot_sampler import ShotInputs
from server.model.tokenizer import Tokenizer
from server.model.vae import TILE

from .code_version import code_version
from .memory.memory_plan import (
    PLANS,
    MemoryPlan,
    first_plan,
    kept_plan,
    needed_memory,
    what_would_fit,
    with_fall_backs,
)
from .pipeline.shot_pipeline import ShotPipeline
from .progress import Progress
from .sampling_options import guidance_config, sampling_options, trained_forms
from .settings import RealCamSettings, read_settings
from .shot_checkpoint import CheckpointManager, NoCheckpoints
from .shot_inputs import shot_inputs
from .sources import ModelSource, Size


@dataclass(frozen=True)
class _Kept:
    """Which model is loaded, and how."""

    config: ModelConfig
    weights_hash: str
    dtype: torch.dtype
    offloaded: bool
    compiled: bool
    cards: int

    def serves(self, wanted: _Kept) -> bool:
        """Whether it is what is wanted, replicas beyond it aside."""
        return self.cards >= wanted.cards and replace(self, cards=wanted.cards) == wanted


@dataclass(frozen=True)
class _Loaded:
    """A model, and its replicas on other devices."""

    kept: _Kept
    model: RealCamModel
    replicas: tuple[RealCamModel, ...]


@dataclass(frozen=True, eq=False)
class _SamplingTask:
    """A shot to be made: all but the memory plan."""

    shot: Shot
    settings: RealCamSettings
    source: ModelSource
    size: Size
    config: ModelConfig
    weights_hash: str
    dtype: torch.dtype
    inputs: ShotInputs


@dataclass(frozen=True, eq=False)
class _Made:
    """A clip's frames and how they were made.

    Attributes:
        frames: [F, H, W, 3] uint8.
        plan: the memory plan.
        notes: for the artist.
    """

    frames: UInt8
    plan: MemoryPlan
    notes: tuple[str, ...]


def _notes(task: _SamplingTask, tokenizer: Tokenizer, plan: MemoryPlan) -> tuple[str, ...]:
    prompts = {"prompt": task.shot.settings.prompt, "negative prompt": task.shot.settings.negative_prompt}
    cuts = {name: tokenizer(prompt).cut for name, prompt in prompts.items()}
    notes = [f"Made by {task.config.name}, {task.config.caution}."] if task.config.caution else []
    notes += [f"The {n} was longer than the model reads: {cut!r} was left out." for n, cut in cuts.items() if cut]
    if plan.tiled and max(task.size) > TILE:
        notes.append("Memory was short: the pictures were decoded in tiles, faint seams are possible.")
    return tuple(notes)


def _kept(task: _SamplingTask, frames: UInt8, progress: Progress) -> LaidBack:
    """The frames with what the photo sees laid back over them, where the artist wants that."""
    settings = task.settings
    if settings.faithful or not settings.keep_seen:
        return LaidBack(frames, None, ())
    progress.stage("Laying the photo back")
    return laid_back(frames, task.shot, settings.keep_detail, progress.alive)


class Runner:
    """Runs shots, with at most one model loaded.

    Args:
        source: where models come from.
        devices: where it computes; None for all that suit. On those after the first, branches of guidance alone.
    """

    def __init__(self, source: ModelSource, devices: Sequence[torch.device] | None = None) -> None:
        self._source = source
        self._devices = tuple(devices or compute_devices())
        self._device = self._devices[0]
        self._loaded: _Loaded | None = None

    def run(self, shot: Shot, report: OnProgress, checkpoints: Checkpoints | None = None) -> Clip:
        """The clip of a shot.

        Args:
            shot: what to make.
            report: receives the progress.
            checkpoints: where states are kept; None to keep none.

        Raises:
            EngineError: the shot cannot be made here; what `report` and `checkpoints` raise passes through.
        """
        started = time.perf_counter()
        task = self._task(shot)
        digest = clip_digest(shot, task.config.name, task.weights_hash, task.dtype, self._device, code_version())
        keeper = CheckpointManager(checkpoints or NoCheckpoints(), digest, self._device)
        needs = self._needs(task)
        chosen = self._plans(task, needs, keeper.kept_plan)
        progress = Progress(report)
        attempt = partial(self._make, task, progress, keeper)
        made = first_within_memory(attempt, chosen, self._forget_model)
        if made is None:
            raise self._too_large(task, needs[chosen[-1]])
        kept = _kept(task, made.frames, progress)
        metadata = self._metadata(task, made.plan, kept, time.perf_counter() - started)
        return Clip(kept.frames, metadata, (*made.notes, *kept.notes))

    def _task(self, shot: Shot) -> _SamplingTask:
        settings = read_settings(shot.settings.options, self._source.weights())
        source = self._source.named(settings.weights)
        size = (shot.trajectory.width, shot.trajectory.height)
        check_size(source, size, settings.weights)
        config = source.config(size)
        inputs = shot_inputs(shot, settings, config)
        dtype = chosen_dtype(settings, self._device, config)
        return _SamplingTask(shot, settings, source, size, config, source.weights_hash(size), dtype, inputs)

    def _needs(self, task: _SamplingTask) -> dict[MemoryPlan, int]:
        frames = min(len(task.shot.trajectory), task.config.frames)
        return {
            plan: needed_memory(task.config, task.size, frames, task.dtype, plan, self._device.type) for plan in PLANS
        }

    def _plans(self, task: _SamplingTask, needs: dict[MemoryPlan, int], kept: str | None) -> tuple[MemoryPlan, ...]:
        """The memory plan to begin with, that of an earlier attempt's checkpoint if any, and those to fall back to."""
        device = self._device.type
        # Without guidance there is nothing to share out.
        cards = len(self._devices) if len(branches_of(guidance_config(task.settings))) > 1 else 1
        if kept is not None:
            first = kept_plan(kept, device, cards)
        else:
            first = first_plan(task.settings.memory, device, needs, total_memory(self._device), cards)
        return with_fall_backs(first, device, needs)

    def _make(self, task: _SamplingTask, progress: Progress, keeper: CheckpointManager, plan: MemoryPlan) -> _Made:
        """The frames made with one memory plan. Raises the device's error when memory runs out."""
        start = keeper.begin(plan.kept_as)
        progress.stage("Loading the model")
        loaded = self._model(task, plan)
        model = loaded.model
        forms = trained_forms(self._source, task.settings.weights)
        options = sampling_options(task.shot, task.settings, task.config, plan)
        noise = SeededNoise(task.shot.settings.seed, self._device)
        hooks = progress.hooks(keeper, model.vae.colours)
        frames = ShotPipeline(model, forms, loaded.replicas).sample(task.inputs, options, noise, hooks, start)
        return _Made(frames, plan, _notes(task, model.tokenizer, plan))

    def _model(self, task: _SamplingTask, plan: MemoryPlan) -> _Loaded:
        offload = plan.offloaded and self._device.type == "cuda"
        # Weights that come and go layer by layer are moved by hooks that a compiled block would not call.
        compiled = task.settings.compile_blocks and not offload
        wanted = _Kept(task.config, task.weights_hash, task.dtype, offload, compiled, plan.cards)
        if self._loaded is None or not self._loaded.kept.serves(wanted):
            self._forget_model()
            release_memory()
            model = task.source.load(task.size, torch.device("cpu") if offload else self._device, task.dtype)
            replicas = tuple(replicated(model, device) for device in self._devices[1 : plan.cards])
            for each in (model, *replicas):
                if compiled:
                    compile_blocks(each.unet, each.device)
                elif not offload and packing_pays(task.dtype, self._device):
                    pack(each.unet)
            self._loaded = _Loaded(wanted, offloaded(model, self._device) if offload else model, replicas)
        return replace(self._loaded, replicas=self._loaded.replicas[: plan.cards - 1])

    def _forget_model(self) -> None:
        self._loaded = None

    def _too_large(self, task: _SamplingTask, need: int) -> EngineError:
        """The error that says what memory was missing, and what would fit."""
        free = free_memory(self._device)
        configs = [(size, task.source.config(size)) for size in task.source.sizes()]
        width, height = task.size
        return EngineError(
            "The machine ran out of memory",
            f"{width} x {height} pixels need about {need / 2**30:.1f} GB, "
            f"with nothing loaded {free / 2**30:.1f} GB are free",
            what_would_fit(configs, len(task.shot.trajectory), free, self._device.type)
            + " Or close other programs that use memory.",
        )

    def _metadata(self, task: _SamplingTask, plan: MemoryPlan, kept: LaidBack, seconds: float) -> ClipMetadata:
        return ClipMetadata.of(
            task.shot,
            engine="realcam",
            engine_version=f"{code_version()}, {task.config.name}, torch {metadata.version('torch')}, "
            f"{str(task.dtype).removeprefix('torch.')} on {self._device.type}, memory plan {plan.name}",
            weights_hash=task.weights_hash,
            seconds=seconds,
            draft=task.weights_hash.startswith("random-") or bool(task.config.caution),
            seen_drift=kept.drift,
        )


def check_size(source: ModelSource, size: Size, weights: str) -> None:
    """Refuse a picture size that the chosen weights do not make.

    Raises:
        EngineError: it is such a one.
    """
    sizes = source.sizes()
    if size not in sizes:
        known = ", ".join(f"{w} x {h}" for w, h in sizes)
        raise EngineError(
            "There are no weights for this picture size",
            f"{size[0]} x {size[1]}; those called {weights} are for {known}",
        )


def chosen_dtype(settings: RealCamSettings, device: torch.device, config: ModelConfig) -> torch.dtype:
    """The dtype of the weights: the artist's, or the fastest that the device computes in; of small networks float32."""
    if settings.precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[settings.precision]
    if config.whole_precision:
        return torch.float32
    if device.type == "cuda":
        # Older cards imitate bfloat16, slowly.
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if computes_in_bfloat16() else torch.float32
