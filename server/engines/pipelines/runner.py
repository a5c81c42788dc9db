"""Runs shots through a pipeline of diffusers: fits them, encodes the words, samples each segment, and lays it back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blender_addon.core.arrays import UInt8
from blender_addon.core.errors import EngineError
from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.seen_drift import SeenDrift
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from server.engines.clip_digest import clip_digest
from server.engines.compute_device import compute_device
from server.engines.device_memory import first_within_memory, free_memory, release_memory
from server.engines.engine import Checkpoints
from server.engines.keep_seen import LaidBack, asked_detail, laid_back
from server.engines.machine_memory import GB, free_machine_memory, this_machine

from .adapter import Adapter
from .checkpoint import ClipKeeper, ClipState
from .fitting.clip_rule import ClipFit, padded_in_time
from .fitting.piece import Piece
from .fitting.segments import Segment, joined, segments
from .memory.placement import placed
from .memory.plans import (
    PLANS,
    WHOLE,
    ChosenPlan,
    Demand,
    MemoryPlan,
    choose_plan,
    encoder_bytes,
    fall_backs,
    wished_plan,
)
from .sampling import Resumed, sampled
from .sources import PipelineSource
from .watch import Watch, polled


@dataclass(frozen=True)
class _WordsKey:
    """Which prompts were encoded."""

    prompt: str
    negative: str


@dataclass(frozen=True, eq=False)
class _Words:
    """Prompts as arguments of the pipeline's call, and what was left out of them."""

    key: _WordsKey
    arguments: Mapping[str, Tensor]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Made:
    """Frames [F, H, W, 3] of the network's size, and the memory plan they were made by."""

    frames: UInt8
    plan: MemoryPlan


@dataclass(frozen=True, eq=False)
class _Task:
    """A shot to be made.

    Attributes:
        shot: the artist's.
        fitted: the same at the network's size.
        fit: how the one lies in the other.
        parts: its segments.
    """

    shot: Shot
    fitted: Shot
    fit: ClipFit
    parts: tuple[Segment, ...]

    def piece(self, number: int, rule_frames: int, before: UInt8) -> Piece:
        """The segment of that number.

        Args:
            number: from 0.
            rule_frames: that the network makes for it.
            before: [F, H, W, 3] the frames of the segments before.
        """
        part = self.parts[number]
        camera = self.fitted.trajectory
        cut = slice(part.first, part.first + part.frames)
        shot = replace(
            self.fitted,
            trajectory=replace(camera, camera_to_world=camera.camera_to_world[cut], intrinsics=camera.intrinsics[cut]),
            preview=self.fitted.preview[cut],
        )
        return Piece(
            shot=padded_in_time(shot, rule_frames),
            frames=part.frames,
            inside=self.fit.inside,
            given=before[part.first : part.first + part.given],
            first=number == 0,
            last=number == len(self.parts) - 1,
            seed=(self.shot.settings.seed + number) % 2**63,
        )


class PipelineRunner:
    """Runs shots on one device, with the pipeline of the last one kept.

    Args:
        source: where the weights come from.
        code: the version of the engine's sources.
    """

    def __init__(self, source: PipelineSource, code: str) -> None:
        self._source, self._code = source, code
        self._device = compute_device()
        self._dtype = chosen_dtype(self._device)
        self._weights_hash = ""
        self._pipe: Any = None
        self._words: _Words | None = None

    def run(self, shot: Shot, adapter: Adapter, report: OnProgress, checkpoints: Checkpoints | None = None) -> Clip:
        """The clip of a shot.

        Args:
            shot: what to make.
            adapter: the engine's, for this shot's settings.
            report: receives the progress.
            checkpoints: where states are kept; None to keep none.

        Raises:
            EngineError: the shot cannot be made here; what `report` and `checkpoints` raise passes through.
        """
        started = time.perf_counter()
        task = _task(shot, adapter)
        notes = adapter.check(task.fitted, task.fit.inside)
        chosen = self._chosen(task, adapter)
        hashed = self._current_weights()
        digest = clip_digest(shot, adapter.name, hashed, self._dtype, self._device, self._code)
        keeper = ClipKeeper(checkpoints, digest)
        watch = Watch(report, adapter.steps * len(task.parts))
        words = self._encoded(shot, adapter, watch, chosen.encoder_on_card)
        watch.stage(f"Loading the model ({chosen.words})")
        made = self._within_memory(task, adapter, words, watch, keeper, chosen.plan)
        kept = _kept(task.fit.back(made.frames, len(shot.trajectory)), shot, watch)
        if made.plan.tiled:
            asked = chosen.plan.tiled and adapter.memory != "auto"
            why = "As the memory setting asks" if asked else "Memory was short"
            notes = (*notes, f"{why}: the pictures were decoded in tiles, faint seams are possible.")
        told = self._metadata(shot, adapter, hashed, made.plan, kept.drift, time.perf_counter() - started)
        return Clip(kept.frames, told, (*words.notes, *notes, *kept.notes))

    def _current_weights(self) -> str:
        """The hash of the weights that are there now. What was loaded of others, before an update, is forgotten."""
        hashed = self._source.weights_hash()
        if hashed != self._weights_hash:
            self._weights_hash, self._pipe, self._words = hashed, None, None
            release_memory()
        return hashed

    def _chosen(self, task: _Task, adapter: Adapter) -> ChosenPlan:
        """The memory plan to begin with. Random weights fit everywhere."""
        if self._source.draft:
            on_card = self._device.type == "cuda"
            plan = WHOLE if adapter.memory == "auto" else wished_plan(adapter.memory, on_card)
            return ChosenPlan(plan, on_card, "random weights")
        return choose_plan(adapter.sizes, _demand(task, adapter), this_machine(), adapter.memory)

    def _encoded(self, shot: Shot, adapter: Adapter, watch: Watch, on_card: bool) -> _Words:
        """The shot's words, encoded by a text encoder that is forgotten again."""
        key = _WordsKey(shot.settings.prompt, shot.settings.negative_prompt)
        if self._words is None or self._words.key != key:
            watch.stage("Reading the words")
            self._make_room_for_encoder(adapter)
            encoder = adapter.load_encoder(self._source.folder(), self._dtype)
            if on_card:
                encoder.to(self._device)
            with polled(encoder, watch), torch.no_grad():
                arguments, notes = adapter.encode(encoder, key.prompt, key.negative)
            del encoder
            release_memory()
            self._words = _Words(key, {name: part.to(self._device) for name, part in arguments.items()}, notes)
        return self._words

    def _make_room_for_encoder(self, adapter: Adapter) -> None:
        """Forget the network of the last shot where machine memory has no room for the text encoder beside it."""
        if self._pipe is not None and not self._source.draft and encoder_bytes(adapter.sizes) > free_machine_memory():
            self._pipe = None
            release_memory()

    def _within_memory(
        self, task: _Task, adapter: Adapter, words: _Words, watch: Watch, keeper: ClipKeeper, chosen: MemoryPlan
    ) -> _Made:
        """The frames made by the chosen plan, that of an earlier attempt, or one of less memory where that ran out.

        Raises:
            EngineError: memory runs out with each.
        """
        first = PLANS.get(keeper.kept_plan or "", chosen)
        demand, on_card = _demand(task, adapter), self._device.type == "cuda"
        plans = (first, *fall_backs(adapter.sizes, demand, first, on_card))
        made = first_within_memory(
            lambda plan: self._made(task, adapter, words, watch, keeper, plan), plans, lambda: None
        )
        if made is None:
            free = free_memory(self._device)
            raise EngineError(
                "The machine ran out of memory",
                f"{demand.words} in the memory plan {plans[-1].name}, with {free / GB:.1f} GB free before it",
                "Choose a smaller or shorter clip, or close other programs that use memory.",
            )
        return made

    def _made(
        self, task: _Task, adapter: Adapter, words: _Words, watch: Watch, keeper: ClipKeeper, plan: MemoryPlan
    ) -> _Made:
        """The frames of all segments, of the network's size. Raises the device's error when memory runs out."""
        width, height = task.fit.engine_size
        state = keeper.begin(plan.name) or ClipState(plan.name, 0, np.empty((0, height, width, 3), np.uint8))
        if self._pipe is None:
            self._pipe = adapter.load(self._source.folder(), self._dtype)
        with placed(self._pipe, plan, self._device):
            for number in range(state.segments, len(task.parts)):
                part = task.parts[number]
                piece = task.piece(number, adapter.rule.frames(part.frames), state.frames)
                resumed = Resumed(state, keeper, adapter.steps * number)
                made = sampled(self._pipe, adapter, piece, words.arguments, watch, resumed)[: part.frames]
                frames = joined(state.frames, made, part.given) if part.given else made
                state = ClipState(plan.name, number + 1, frames)
                # The last one's frames are made again from its last latents sooner than they are written.
                if number + 1 < len(task.parts):
                    keeper.keep(state)
        return _Made(state.frames, plan)

    def _metadata(
        self,
        shot: Shot,
        adapter: Adapter,
        weights_hash: str,
        plan: MemoryPlan,
        drift: SeenDrift | None,
        seconds: float,
    ) -> ClipMetadata:
        packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "diffusers"))
        dtype = str(self._dtype).removeprefix("torch.")
        return ClipMetadata.of(
            shot,
            engine=adapter.name,
            engine_version=f"{self._code}, {packages}, {dtype} on {self._device.type}, memory plan {plan.name}",
            weights_hash=weights_hash,
            seconds=seconds,
            draft=self._source.draft,
            seen_drift=drift,
        )


def _kept(clip: UInt8, shot: Shot, watch: Watch) -> LaidBack:
    """The clip with what the photo sees laid back over it, where the artist wants that."""
    detail = asked_detail(shot)
    if detail is None:
        return LaidBack(clip, None, ())
    watch.stage("Laying the photo back")
    return laid_back(clip, shot, detail, watch.poll)


def _task(shot: Shot, adapter: Adapter) -> _Task:
    fit = adapter.rule.fit((shot.trajectory.width, shot.trajectory.height))
    parts = segments(len(shot.trajectory), adapter.rule.most_frames, adapter.shared)
    return _Task(shot, fit.shot(shot), fit, parts)


def _demand(task: _Task, adapter: Adapter) -> Demand:
    """The largest of the shot's segments, the frames before the first counted with it."""
    first, *others = [adapter.rule.frames(part.frames) for part in task.parts]
    with_lead_in = adapter.rule.frames(first + adapter.lead_in(task.fitted))
    return Demand(*task.fit.engine_size, max([with_lead_in, *others]))


def chosen_dtype(device: torch.device) -> torch.dtype:
    """The dtype of the large network: bfloat16 where the device computes in it."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32
