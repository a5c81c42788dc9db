"""The clips that a configuration trains on, whatever layout they are in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from server.datasets.align_collection import SUMMARY
from server.training.config import DataSettings

from .aligned_clips import open_aligned
from .clip_set import ClipSet, DataError
from .inspection import Candidate, inspected
from .realcam_vid import realcam_vid_candidates
from .realestate10k import per_frame_scales, realestate10k_candidates, recorded_scales
from .video_clips import VideoClip, in_own_unit

FINDINGS = "clips.json"
"""File of what was found of each clip, in the folder of the run."""


def open_clips(data: DataSettings, frames: int, memory: Path) -> ClipSet:
    """The clips that can be trained on, and why the others cannot.

    Args:
        data: names them.
        frames: of a sample.
        memory: folder for what was found of them, so that the next start is fast.

    Raises:
        DataError: there is no such data set, or no clip of it is left.
    """
    from filelock import FileLock

    if data.layout == "aligned":
        folder, records = data.folders
        _refuse_whole_set(folder, records)
        return open_aligned(folder, records, frames, data.fps, data.scale == "relative")
    memory.mkdir(parents=True, exist_ok=True)
    # Of several processes the first looks, and the others read what it found.
    with FileLock(memory / f".{FINDINGS}.lock"):
        found = inspected(_candidates(data, memory), frames, data.tails, memory / FINDINGS, data.train)
    if data.scale == "absolute":
        return found
    return replace(found, clips=tuple(in_own_unit(clip) for clip in found.clips if isinstance(clip, VideoClip)))


def _refuse_whole_set(folder: Path, records: Path) -> None:
    """Refuse the folder of a set, where that of one of its splits belongs.

    Raises:
        DataError: with the splits.
    """
    if (records / SUMMARY).is_file():
        return
    inside = sorted(
        child.name for child in folder.glob("*") if (DataSettings(train=str(child)).folders[1] / SUMMARY).is_file()
    )
    if inside:
        raise DataError(
            "The folder holds several sets of clips",
            f"{folder} has records of {', '.join(inside)}",
            f"Name one of them: {folder / ('train' if 'train' in inside else inside[0])}.",
        )


def _candidates(data: DataSettings, memory: Path) -> Iterator[Candidate]:
    place = Path(data.train)
    if data.layout == "realcam-vid":
        return realcam_vid_candidates(place, Path(data.videos) if data.videos else place.parent, memory)
    if not data.records and not data.scales:
        raise DataError(
            "The clips have no scales",
            "neither data.records nor data.scales is given",
            "Name the NPZ of scales as data.scales, or run `realcam data align` and name its folder as data.records.",
        )
    scales, verdicts = (
        recorded_scales(Path(data.records)) if data.records else (per_frame_scales(Path(data.scales)), {})
    )
    return realestate10k_candidates(
        place,
        Path(data.videos) if data.videos else place,
        Path(data.names) if data.names else None,
        scales,
        verdicts,
    )
