"""Looks at every clip of a data set before the first step: what it is, whether it can be trained on, what is odd."""

from __future__ import annotations

import os
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.errors import CameraError
from server.datasets.align_collection import clip_fingerprint, kept_clips
from server.datasets.clip_frames import ClipError, VideoFacts, video_facts

from .clip_set import ClipSet, sorted_out
from .posed_clips import TrainingClip, refusal
from .suspicions import suspicion
from .video_clips import CameraSource, VideoClip

APART = "a scale apart from the others'"
"""Reason of the filter over all clips."""
NO_SCALE = "no accepted scale"
"""Reason of the records."""


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
        verdict: a reason to leave it out that is known already, and ": " with what was found; "" for none.
    """

    name: str
    video: Path
    cameras: CameraSource
    caption: str
    scales: NDArray[np.float32] | None
    files: tuple[Path, ...]
    verdict: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a clip, remembered from one start to the next.

    Attributes:
        fingerprint: of its files, scales and the frames of a sample.
        size, frames, fps: see VideoFacts.
        reason: why it cannot be trained on, "" when it can.
        detail: what was found, in words.
        suspected: what looks wrong, "" for nothing.
    """

    fingerprint: str
    size: tuple[int, int] = (0, 0)
    frames: int = 0
    fps: float = 0.0
    reason: str = ""
    detail: str = ""
    suspected: str = ""


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
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        found = list(pool.map(lambda c: _found(c, frames, known.get(c.name)), listed))
    now = {candidate.name: finding for candidate, finding in zip(listed, found, strict=True)}
    if now != known:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(memory, msgspec.json.encode(now))
    left_out, suspected = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    apart = _apart(listed, share)
    clips: list[TrainingClip] = []
    for candidate, finding in zip(listed, found, strict=True):
        if finding.reason or candidate.name in apart:
            told = f"{candidate.name}: {finding.detail}" if finding.detail else candidate.name
            left_out[finding.reason or APART].append(told)
            continue
        if finding.suspected:
            suspected[finding.suspected].append(candidate.name)
        clips.append(_clip(candidate, finding))
    return sorted_out(clips, left_out, suspected, where)


def _apart(candidates: list[Candidate], share: float) -> set[str]:
    scaled = [(c.name, c.scales) for c in candidates if c.scales is not None and len(c.scales)]
    largest = np.array([scales.max() for _, scales in scaled], dtype=np.float64)
    smallest = np.array([scales.min() for _, scales in scaled], dtype=np.float64)
    kept = kept_clips(largest, smallest, share)
    return {name for (name, _), stays in zip(scaled, kept, strict=True) if not stays}


def _found(candidate: Candidate, frames: int, before: Finding | None) -> Finding:
    if candidate.verdict:
        reason, _, detail = candidate.verdict.partition(": ")
        return Finding(fingerprint="", reason=reason, detail=detail)
    scales = b"" if candidate.scales is None else candidate.scales.tobytes()
    facts = "|".join(clip_fingerprint(file, "") if file.exists() else "absent" for file in candidate.files)
    fingerprint = f"{facts}|{frames}|{zlib.crc32(scales)}|{zlib.crc32(repr(candidate.cameras).encode())}"
    if before is not None and before.fingerprint == fingerprint:
        return before
    if not candidate.video.is_file():
        return Finding(fingerprint=fingerprint, reason="no video")
    try:
        seen = video_facts(candidate.video)
    except ClipError as error:
        return Finding(fingerprint=fingerprint, reason="a video that cannot be used", detail=error.sentence)
    finding = Finding(fingerprint=fingerprint, size=seen.size, frames=seen.frames, fps=seen.fps)
    try:
        clip = _clip(candidate, finding)
        reason = refusal(clip, frames)
        odd = "" if reason else suspicion(clip, clip.camera_file.notes)
    except CameraError as error:
        return msgspec.structs.replace(finding, reason="cameras that cannot be used", detail=error.sentence)
    return msgspec.structs.replace(finding, reason=reason, suspected=odd)


def _clip(candidate: Candidate, finding: Finding) -> VideoClip:
    facts = VideoFacts(finding.size, finding.frames, finding.fps)
    return VideoClip(candidate.name, candidate.video, candidate.cameras, candidate.caption, facts, candidate.scales)


def _remembered(memory: Path) -> Mapping[str, Finding]:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=dict[str, Finding])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
