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
from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.core.payloads.seen_drift import SeenDrift
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.progress import OnProgress
from server.engines.clip_digest import clip_digest
from server.engines.compute_device import compute_device
from server.engines.engine import Checkpoints
from server.engines.keep_seen import LaidBack, asked_detail, laid_back

from .adapter import Adapter
from .checkpoint import ClipKeeper, ClipState
from .fitting.clip_rule import ClipFit, padded_in_time
from .fitting.piece import Piece
from .fitting.segments import Segment, joined, segments
from .sampling import Resumed, sampled
from .sources import PipelineSource
from .watch import Watch, polled

WHOLE = "whole"


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
        hashed = self._source.weights_hash()
        digest = clip_digest(shot, adapter.name, hashed, self._dtype, self._device, self._code)
        keeper = ClipKeeper(checkpoints, digest)
        watch = Watch(report, adapter.steps * len(task.parts))
        words = self._encoded(shot, adapter, watch)
        frames = self._made(task, adapter, words, watch, keeper)
        clip = task.fit.back(frames, len(shot.trajectory))
        kept = _kept(clip, shot, watch)
        made = self._metadata(shot, adapter, hashed, kept.drift, time.perf_counter() - started)
        return Clip(kept.frames, made, (*words.notes, *notes, *kept.notes))

    def _encoded(self, shot: Shot, adapter: Adapter, watch: Watch) -> _Words:
        """The shot's words, encoded by a text encoder that is forgotten again."""
        key = _WordsKey(shot.settings.prompt, shot.settings.negative_prompt)
        if self._words is None or self._words.key != key:
            watch.stage("Reading the words")
            encoder = adapter.load_encoder(self._source.folder(), self._dtype).to(self._device)
            with polled(encoder, watch), torch.no_grad():
                arguments, notes = adapter.encode(encoder, key.prompt, key.negative)
            self._words = _Words(key, arguments, notes)
        return self._words

    def _made(self, task: _Task, adapter: Adapter, words: _Words, watch: Watch, keeper: ClipKeeper) -> UInt8:
        """The frames [F, H, W, 3] of all segments, of the network's size."""
        width, height = task.fit.engine_size
        state = keeper.begin(WHOLE) or ClipState(WHOLE, 0, np.empty((0, height, width, 3), np.uint8))
        watch.stage("Loading the model")
        pipe = self._loaded(adapter)
        for number in range(state.segments, len(task.parts)):
            part = task.parts[number]
            piece = task.piece(number, adapter.rule.frames(part.frames), state.frames)
            resumed = Resumed(state, keeper, adapter.steps * number)
            made = sampled(pipe, adapter, piece, words.arguments, watch, resumed)[: part.frames]
            frames = joined(state.frames, made, part.given) if part.given else made
            state = ClipState(state.plan, number + 1, frames)
            keeper.keep(state)
        return state.frames

    def _loaded(self, adapter: Adapter) -> Any:
        if self._pipe is None:
            self._pipe = adapter.load(self._source.folder(), self._dtype).to(self._device)
        return self._pipe

    def _metadata(
        self, shot: Shot, adapter: Adapter, weights_hash: str, drift: SeenDrift | None, seconds: float
    ) -> ClipMetadata:
        packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "diffusers"))
        dtype = str(self._dtype).removeprefix("torch.")
        return ClipMetadata.of(
            shot,
            engine=adapter.name,
            engine_version=f"{self._code}, {packages}, {dtype} on {self._device.type}, memory plan {WHOLE}",
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


def chosen_dtype(device: torch.device) -> torch.dtype:
    """The dtype of the large network: bfloat16 where the device computes in it."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32
