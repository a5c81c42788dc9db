"""What is measured of a clip, and the file of what was measured: one line a clip, gone on with after a stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from blender_addon.core.arrays import UInt8
from server.evaluation.evaluate import evaluate_clip
from server.evaluation.inputs import EvaluationInput
from server.evaluation.metrics import extent
from server.evaluation.records import PublishedErrors

from .joins import closure, jump
from .rows import Row
from .shots import FilmedClip, asked_camera, path_of
from .way import likeness, way


class TakeKey(msgspec.Struct, frozen=True, kw_only=True):
    """Which clip it is.

    Attributes:
        row: its name.
        network: digest of the camera modules; "" for rows of no network.
        base: digest of the base.
        settings: digest of those of the sampling.
        clip: the held-out clip's name.
    """

    row: str
    network: str
    base: str
    settings: str
    clip: str


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one clip.

    Attributes:
        key: which it is.
        training: which of the row's trainings made it, from 0.
        frames: of the clip.
        placed: of these, whose camera was found.
        failure: why not all were; "" when all were.
        travel: of the asked camera, metres from the first frame at most.
        errors: as published; only when every frame was placed.
        degrees, metres: mean errors of the placed frames; None when there is none beside the first.
        features: see `features_of`.
        way: see `way`.
        likeness: see `likeness`.
        closure: of a loop, see `closure`.
        jump: how much the clip jumps where it joins: before its last frame, or across the seam; see `jump`.
        seconds: that making and measuring took.
    """

    key: TakeKey
    training: int
    frames: int
    placed: int
    failure: str
    travel: float
    errors: PublishedErrors | None
    degrees: float | None
    metres: float | None
    features: list[float]
    way: float | None
    likeness: float
    closure: float | None = None
    jump: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Joins:
    """Where a mode's clip joins.

    Attributes:
        closure: see Take.
        jump: see Take.
    """

    closure: float | None
    jump: float | None


def joins(frames: UInt8, row: Row, seam: int) -> Joins:
    """How a clip joins what it is to join.

    Args:
        frames: [F, H, W, 3].
        row: its mode.
        seam: last frame of the first segment.
    """
    if row.mode == "loop":
        return Joins(closure(frames), jump(frames, -2))
    if row.mode == "interpolation":
        return Joins(None, jump(frames, -2))
    if row.mode == "continuation":
        return Joins(None, jump(frames, seam))
    return Joins(None, None)


def measured(
    key: TakeKey, training: int, row: Row, clip: FilmedClip, frames: UInt8, features: Iterable[float], seconds: float
) -> Take:
    """What a clip is found to be.

    Args:
        key: which it is.
        training: of the row.
        row: what was asked for.
        clip: the held-out one; its first frame's depth is what cameras are found by.
        frames: [F, H, W, 3] that were made.
        features: of these.
        seconds: that making took.
    """
    asked = asked_camera(clip, row.mode)
    filmed = clip.frames[path_of(row.mode, len(clip.frames))]
    found = evaluate_clip(
        EvaluationInput(clip.name, frames, "the clip's own", asked, clip.depth), trials=1, method="direct"
    )
    placed = [f for f in found.errors_per_frame[1:] if f.degrees is not None and f.metres is not None]
    join = joins(frames, row, len(clip.frames) - 1)
    return Take(
        key=key,
        training=training,
        frames=len(frames),
        placed=found.trials[0].placed,
        failure=found.trials[0].failure,
        travel=extent(asked.camera_to_world),
        errors=found.errors,
        degrees=_mean([f.degrees for f in placed if f.degrees is not None]),
        metres=_mean([f.metres for f in placed if f.metres is not None]),
        features=[float(f"{value:.6g}") for value in features],
        # A loop and a continuation come back past the same places.
        way=way(frames, filmed) if row.mode in ("basic", "interpolation") else None,
        likeness=likeness(frames, filmed),
        closure=join.closure,
        jump=join.jump,
        seconds=seconds + found.seconds,
    )


def in_words(take: Take) -> str:
    """What was found, in a line."""
    if take.degrees is None:
        return f"not solved: {take.failure}"
    placed = "" if take.errors else f", {take.placed} of {take.frames} frames placed"
    return f"{take.degrees:.2f} degrees, {take.metres:.3f} m{placed} ({take.seconds:.0f} s)"


def _mean(numbers: list[float]) -> float | None:
    return float(np.mean(numbers)) if numbers else None


def append_take(file: Path, take: Take) -> None:
    """Add a line to a file; a line that a killed process left half written is ended first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as stream:
        stream.seek(0, 2)
        if stream.tell():
            stream.seek(-1, 2)
            if stream.read(1) != b"\n":
                stream.write(b"\n")
        stream.write(msgspec.json.encode(take) + b"\n")


def read_takes(folder: Path) -> dict[TakeKey, Take]:
    """All that was measured, by what it is of, whichever process wrote it; half-written lines are none.

    Args:
        folder: of the files.
    """
    takes: dict[TakeKey, Take] = {}
    for file in sorted(folder.glob("takes*.jsonl")):
        for line in file.read_bytes().splitlines():
            try:
                take = msgspec.json.decode(line, type=Take)
            except msgspec.DecodeError:
                continue
            takes[take.key] = take
    return takes
