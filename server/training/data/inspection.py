"""Looks at every clip of a data set before the first step: what it is, whether it can be trained on, what is odd."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.errors import RealCamError
from server.datasets.align import RecordError, read_written
from server.datasets.align_collection import SUMMARY, CollectionSummary, clip_fingerprint, kept_clips
from server.datasets.clip_frames import VideoFacts, video_facts

from .clip_set import FINE, ClipSet, DataError, Verdict, fault, sorted_out
from .posed_clips import refusal
from .suspicions import suspicion
from .video_clips import CameraSource, VideoClip

APART = "a scale apart from the others'"
"""Reason of the filter over all clips."""
NO_SCALE = "no accepted scale"
"""Reason of the records."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Candidate:
    """A clip that a data set names.

    Attributes:
        name: its own.
        video: the file, there or not.
        cameras: where they are.
        caption: what is to be seen, in words.
        scales: [N] metres per unit of length; None if unknown.
        files: that decide what is found.
        verdict: on it without a look at its files; one with a reason is the last word.
    """

    name: str
    video: Path
    cameras: CameraSource
    caption: str
    scales: NDArray[np.float32] | None
    files: tuple[Path, ...]
    verdict: Verdict = FINE


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a clip, remembered from one start to the next.

    Attributes:
        fingerprint: of its files, scales and the frames of a sample.
        verdict: on it.
        size, frames, fps: see VideoFacts.
    """

    fingerprint: str
    verdict: Verdict
    size: tuple[int, int] = (0, 0)
    frames: int = 0
    fps: float = 0.0


def read_summary(records: Path) -> CollectionSummary:
    """Which clips the records say to use.

    Raises:
        DataError: there is no summary, or it is damaged.
    """
    file = records / SUMMARY
    if not file.is_file():
        raise DataError("The clips have no records", f"there is no {file}", "Run `realcam data align` first.")
    try:
        return read_written(file, CollectionSummary)
    except RecordError as error:
        raise DataError("The records have no summary that can be used", error.why, error.remedy) from error


def side_by_side(look: Callable[[T], R], things: Sequence[T]) -> list[R]:
    """What `look` gives for each of these, several at a time: most of it is waiting for the disk."""
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        return list(pool.map(look, things))


def inspected(candidates: Iterable[Candidate], frames: int, share: float, memory: Path, where: str) -> ClipSet:
    """The clips that can be trained on.

    Args:
        candidates: clips of the data set.
        frames: of a sample.
        share: of the clips that have a scale, dropped at each end of their largest and smallest ones; 0 for none.
        memory: file of the findings; clips whose files are as they were are not looked at again.
        where: the data set, for errors.

    Raises:
        DataError: no clip is left.
    """
    listed = sorted(candidates, key=lambda candidate: candidate.name)
    known = _remembered(memory)
    found = side_by_side(lambda c: _found(c, frames, known.get(c.name)), listed)
    now = {candidate.name: finding for candidate, finding in zip(listed, found, strict=True)}
    if now != known:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(memory, msgspec.json.encode(now))
    apart = _apart(listed, share)
    judged = (
        (_clip(c, f), f.verdict if f.verdict.reason or c.name not in apart else Verdict(reason=APART))
        for c, f in zip(listed, found, strict=True)
    )
    return sorted_out(judged, {}, where)


def _apart(candidates: list[Candidate], share: float) -> set[str]:
    scaled = [
        (c.name, c.scales) for c in candidates if c.scales is not None and len(c.scales) and np.isfinite(c.scales).all()
    ]
    largest = np.array([scales.max() for _, scales in scaled], dtype=np.float64)
    smallest = np.array([scales.min() for _, scales in scaled], dtype=np.float64)
    kept = kept_clips(largest, smallest, share)
    return {name for (name, _), stays in zip(scaled, kept, strict=True) if not stays}


def _found(candidate: Candidate, frames: int, before: Finding | None) -> Finding:
    if candidate.verdict.reason:
        return Finding(fingerprint="", verdict=candidate.verdict)
    scales = b"" if candidate.scales is None else candidate.scales.tobytes()
    facts = "|".join(clip_fingerprint(file, "") if file.exists() else "absent" for file in candidate.files)
    fingerprint = f"{facts}|{frames}|{zlib.crc32(scales)}|{zlib.crc32(repr(candidate.cameras).encode())}"
    if before is not None and before.fingerprint == fingerprint:
        return before
    if not candidate.video.is_file():
        return Finding(fingerprint=fingerprint, verdict=Verdict(reason="no video"))
    try:
        seen = video_facts(candidate.video)
        finding = Finding(fingerprint=fingerprint, verdict=FINE, size=seen.size, frames=seen.frames, fps=seen.fps)
        clip = _clip(candidate, finding)
        reason = refusal(clip, frames)
        odd = "" if reason else suspicion(clip, clip.camera_file.notes)
    except RealCamError as error:
        return Finding(fingerprint=fingerprint, verdict=fault(error))
    return msgspec.structs.replace(finding, verdict=Verdict(reason=reason, suspected=odd))


def _clip(candidate: Candidate, finding: Finding) -> VideoClip:
    facts = VideoFacts(finding.size, finding.frames, finding.fps)
    return VideoClip(candidate.name, candidate.video, candidate.cameras, candidate.caption, facts, candidate.scales)


def _remembered(memory: Path) -> Mapping[str, Finding]:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=dict[str, Finding])
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
