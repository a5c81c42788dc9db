"""Runs shots through a pipeline of diffusers: fits them, encodes the words, samples each segment, and lays it back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any, TypeVar

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
from server.engines.compute_device import compute_devices
from server.engines.device_memory import first_within_memory, free_memory, release_memory
from server.engines.engine import Checkpoints
from server.engines.keep_seen import LaidBack, asked_detail, laid_back
from server.engines.machine_memory import GB, free_machine_memory, this_machine

from .adapter import Adapter
from .checkpoint import ClipKeeper, ClipState, Refining
from .fitting.segments import joined
from .memory.placement import placed
from .memory.plans import (
    PLANS,
    WHOLE,
    ChosenPlan,
    Demand,
    MemoryPlan,
    choose_plan,
    fall_backs,
    wished_plan,
)
from .memory.sizes import PipelineSizes
from .parallel.heads import NETWORK, number_of_heads
from .parallel.other_cards import OtherCards
from .parallel.shared_network import can_share
from .refiner import Refiner
from .refining import LatentsToRefine, refined_frames
from .sampling import Resumed, sampled, sampled_latents
from .sources import PipelineSource
from .task import Task, task_of
from .watch import Watch
from .words.reading import Reader, Words, WordsReader

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Made:
    """Frames [F, H, W, 3] of the network's size, the memory plans they were made by, the refiner's last, and the number
    of cards that shared the network.
    """

    frames: UInt8
    plans: tuple[MemoryPlan, ...]
    cards: int = 1


@dataclass(frozen=True, eq=False)
class _Work:
    """What each stage of a clip's making needs.

    Attributes:
        task: the shot.
        adapter: the engine's.
        words: the encoded prompts, as arguments of the pipeline's call; none where only its refiner is left to run.
        notes: on what was left out of them.
        watch: is told of the steps.
        keeper: saves states.
        cards: that share the network in plans which hold all of it.
    """

    task: Task
    adapter: Adapter
    words: Mapping[str, Tensor]
    notes: tuple[str, ...]
    watch: Watch
    keeper: ClipKeeper
    cards: int

    def begin(self, plan: MemoryPlan) -> ClipState:
        """Where an earlier attempt with this plan stood, else the beginning."""
        width, height = self.task.fit.engine_size
        return self.keeper.begin(plan.name) or ClipState(plan.name, 0, np.empty((0, height, width, 3), np.uint8))


class PipelineRunner:
    """Runs shots, with the pipeline of the last one kept.

    Args:
        source: where the weights come from.
        code: the version of the engine's sources.
        devices: where it computes; None for all that suit. On those after the first, parts of the network alone.
    """

    def __init__(self, source: PipelineSource, code: str, devices: Sequence[torch.device] | None = None) -> None:
        self._source, self._code = source, code
        self._devices = tuple(devices or compute_devices())
        self._device = self._devices[0]
        self._others: OtherCards | None = None
        self._dtype = chosen_dtype(self._device)
        self._weights_hash = ""
        self._pipe: Any = None
        self._reader = WordsReader(self._device, self._dtype)

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
        task, refiner = task_of(shot, adapter), adapter.refiner
        notes = adapter.check(task.fitted, task.fit.inside)
        # What does not fit is said before anything is loaded, of the refiner too.
        chosen = self._chosen(task, adapter, adapter.sizes)
        refining = None if refiner is None else self._chosen(task, adapter, refiner.sizes)
        hashed = self._current_weights()
        if refiner is not None:
            hashed = f"{hashed} + {refiner.source.weights_hash()}"
        cards = self._cards(task, adapter, chosen)
        digest = clip_digest(shot, adapter.name, hashed, self._dtype, self._device, self._code, cards)
        more_steps = 0 if refiner is None else refiner.steps * refiner.blocks(task.demand.frames)
        watch = Watch(report, adapter.steps * len(task.parts) + more_steps)
        keeper = ClipKeeper(checkpoints, digest)
        words, left_out = self._first_words(shot, adapter, watch, chosen, keeper)
        work = _Work(task, adapter, words, left_out, watch, keeper, cards)
        if refiner is None or refining is None:
            made = self._sampled(work, chosen)
        else:
            read = self._encoded(shot, refiner, refiner.source, watch, refining)
            left_out = (*left_out, *read.notes)
            made = self._refined(work, refiner, read.arguments, chosen, refining)
        kept = _kept(task.fit.back(made.frames, len(shot.trajectory)), shot, watch)
        if any(plan.tiled for plan in made.plans):
            asked = chosen.plan.tiled and adapter.memory != "auto"
            why = "As the memory setting asks" if asked else "Memory was short"
            notes = (*notes, f"{why}: the pictures were decoded in tiles, faint seams are possible.")
        told = self._metadata(shot, adapter, hashed, made, kept.drift, time.perf_counter() - started)
        return Clip(kept.frames, told, (*dict.fromkeys(left_out), *notes, *kept.notes))

    def _current_weights(self) -> str:
        """The hash of the weights that are there now. What was loaded of others, before an update, is forgotten."""
        hashed = self._source.weights_hash()
        if hashed != self._weights_hash:
            self._weights_hash = hashed
            self.release()
        return hashed

    def release(self) -> None:
        """Give back the memory of the network, on all cards."""
        self._end_others()
        self._pipe = None
        release_memory()

    def _end_others(self) -> None:
        if self._others is not None:
            self._others.close()
            self._others = None

    def _cards(self, task: Task, adapter: Adapter, chosen: ChosenPlan) -> int:
        """How many cards share the network for a clip: as many as divide its heads and the tokens of each segment."""
        able = len(self._devices) > 1 and can_share(self._device)
        if not able or not adapter.splits or chosen.plan.placement != "whole":
            return 1
        heads = number_of_heads(self._source.folder())
        width, height = task.fit.engine_size
        shared = [heads, *(adapter.sizes.tokens(width, height, count) for count in task.counts)]
        fitting = (n for n in range(len(self._devices), 1, -1) if not any(number % n for number in shared))
        return next(fitting, 1)

    def _chosen(self, task: Task, adapter: Adapter, sizes: PipelineSizes) -> ChosenPlan:
        """The memory plan to begin with. Random weights fit everywhere."""
        if self._source.draft:
            on_card = self._device.type == "cuda"
            plan = WHOLE if adapter.memory == "auto" else wished_plan(adapter.memory, on_card)
            return ChosenPlan(plan, on_card, "random weights")
        return choose_plan(sizes, task.demand, this_machine(), adapter.memory)

    def _first_words(
        self, shot: Shot, adapter: Adapter, watch: Watch, chosen: ChosenPlan, keeper: ClipKeeper
    ) -> tuple[Mapping[str, Tensor], tuple[str, ...]]:
        """The words as the first pipeline reads them, and notes on them; the notes alone once a refiner is at work."""
        if keeper.refining is not None and keeper.refining.refining is not None:
            return {}, keeper.refining.refining.notes
        read = self._encoded(shot, adapter, self._source, watch, chosen)
        return read.arguments, read.notes

    def _encoded(self, shot: Shot, reader: Reader, source: PipelineSource, watch: Watch, chosen: ChosenPlan) -> Words:
        prompts = shot.settings.prompt, shot.settings.negative_prompt
        return self._reader.words(reader, source, prompts, watch, chosen.encoder_on_card, self._make_room)

    def _make_room(self, needed: float) -> None:
        """Forget the network of the last shot where machine memory has no room for so many bytes beside it."""
        if self._pipe is not None and not self._source.draft and needed > free_machine_memory():
            self.release()

    def _within_memory(
        self, sizes: PipelineSizes, demand: Demand, first: MemoryPlan, attempt: Callable[[MemoryPlan], T]
    ) -> T:
        """What is made by a plan, or by one of less memory where that ran out.

        Raises:
            EngineError: memory runs out with each.
        """
        plans = (first, *fall_backs(sizes, demand, first, self._device.type == "cuda"))
        made = first_within_memory(attempt, plans, lambda: None)
        if made is None:
            free = free_memory(self._device)
            raise EngineError(
                "The machine ran out of memory",
                f"{demand.words} in the memory plan {plans[-1].name}, with {free / GB:.1f} GB free before it",
                "Choose a smaller or shorter clip, or close other programs that use memory.",
            )
        return made

    def _sampled(self, work: _Work, chosen: ChosenPlan) -> _Made:
        """The frames made by the chosen plan, that of an earlier attempt, or one of less memory where that ran out."""
        work.watch.stage(f"Loading the model ({chosen.words})")
        first = PLANS.get(work.keeper.kept_plan or "", chosen.plan)
        return self._within_memory(work.adapter.sizes, work.task.demand, first, lambda plan: self._made(work, plan))

    def _made(self, work: _Work, plan: MemoryPlan) -> _Made:
        """The frames of all segments, of the network's size. Raises the device's error when memory runs out."""
        task, adapter, state = work.task, work.adapter, work.begin(plan)
        cards = work.cards if plan.placement == "whole" else 1
        with placed(self._loaded(adapter), plan, self._device), self._shared(cards, work.watch):
            for number in range(state.segments, len(task.parts)):
                part, piece = task.parts[number], task.piece(number, state.frames)
                resumed = Resumed(state, work.keeper, adapter.steps * number)
                made = sampled(self._pipe, adapter, piece, work.words, work.watch, resumed)[: part.frames]
                frames = joined(state.frames, made, part.given) if part.given else made
                state = ClipState(plan.name, number + 1, frames)
                # The last one's frames are made again from its last latents sooner than they are written.
                if number + 1 < len(task.parts):
                    work.keeper.keep(state)
        return _Made(state.frames, (plan,), cards)

    def _shared(self, cards: int, watch: Watch) -> AbstractContextManager[None]:
        """The context in which so many cards share the network of the loaded pipeline."""
        if self._others is not None and (self._others.closed or self._others.count != cards):
            self._end_others()
        if cards == 1:
            return nullcontext()
        network = self._pipe.transformer
        if self._others is None:
            watch.stage(f"Loading the model on {cards} cards")
            folder = self._source.folder() / NETWORK
            self._others = OtherCards(type(network).__name__, folder, self._dtype, self._devices[:cards])
        return self._others.at_work(network, watch.poll)

    def _refined(
        self,
        work: _Work,
        refiner: Refiner,
        words: Mapping[str, Tensor],
        chosen: ChosenPlan,
        refining: ChosenPlan,
    ) -> _Made:
        """The frames of the one segment whose latents a second pipeline refines; see `_sampled` for the plans."""
        task, state = work.task, work.keeper.refining
        if state is None or state.refining is None:
            work.watch.stage(f"Loading the model ({chosen.words})")
            first = PLANS.get(work.keeper.kept_plan or "", chosen.plan)
            made = self._within_memory(work.adapter.sizes, task.demand, first, lambda plan: self._latents(work, plan))
            state = replace(made, refining=Refining(refining.plan.name, 0, work.notes))
            work.keeper.keep(state)
        self._make_room(2 * refiner.sizes.transformer)
        work.watch.stage(f"Loading the refiner ({refining.words})")
        pipe = refiner.load(refiner.source.folder(), self._source.folder(), self._dtype)
        given = LatentsToRefine(state, task.piece(0, state.frames), words, task.demand.frames, work.adapter.steps)
        plan = PLANS[given.refining.plan]

        def attempt(plan: MemoryPlan) -> _Made:
            frames = refined_frames(pipe, refiner, given, plan, self._device, work.watch, work.keeper)
            return _Made(frames, (PLANS[state.plan], plan))

        return self._within_memory(refiner.sizes, task.demand, plan, attempt)

    def _latents(self, work: _Work, plan: MemoryPlan) -> ClipState:
        """The latents of the one segment, to be refined. Raises the device's error when memory runs out."""
        state = work.begin(plan)
        with placed(self._loaded(work.adapter), plan, self._device):
            piece = work.task.piece(0, state.frames)
            resumed = Resumed(state, work.keeper, 0)
            latents = sampled_latents(self._pipe, work.adapter, piece, work.words, work.watch, resumed)
        return replace(state, latents=latents, solver=None)

    def _loaded(self, adapter: Adapter) -> Any:
        """The pipeline, kept for the next shot."""
        if self._pipe is None:
            self._pipe = adapter.load(self._source.folder(), self._dtype)
        return self._pipe

    def _metadata(
        self,
        shot: Shot,
        adapter: Adapter,
        weights_hash: str,
        made: _Made,
        drift: SeenDrift | None,
        seconds: float,
    ) -> ClipMetadata:
        packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "diffusers"))
        dtype = str(self._dtype).removeprefix("torch.")
        named = ", refined by memory plan ".join(plan.name for plan in made.plans)
        device = self._device.type if made.cards == 1 else f"{made.cards} x {self._device.type}"
        return ClipMetadata.of(
            shot,
            engine=adapter.name,
            engine_version=f"{self._code}, {packages}, {dtype} on {device}, memory plan {named}",
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


def chosen_dtype(device: torch.device) -> torch.dtype:
    """The dtype of the large network: bfloat16 where the device computes in it."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32
