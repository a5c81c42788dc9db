"""Clips that `realcam data align` or `render` recorded: folders of frames, and a record of each in metres."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from blender_addon.core.arrays import Float64, UInt8
from server.datasets.align import AlignRecord
from server.datasets.align_collection import SUMMARY, CollectionSummary, clip_fingerprint
from server.datasets.clip_frames import picture_files, read_picture, read_pictures

from .clip_set import ClipSet, DataError, sorted_out
from .inspection import APART, NO_SCALE
from .posed_clips import TrainingClip, refusal
from .suspicions import suspicion

CAPTION = "caption.txt"
"""File of a clip's words, beside its frames."""
CLIPS_KEPT = 16
"""Clips whose record and list of frames a process remembers."""


@dataclass(frozen=True, eq=False)
class AlignedClip:
    """One recorded clip, a TrainingClip.

    Attributes:
        folder: of the frames.
        record_file: of the alignment.
        fps: frames per second of what the frames were taken of.
    """

    folder: Path
    record_file: Path
    fps: float

    @property
    def name(self) -> str:
        """The clip's name."""
        return self.record_file.stem

    @property
    def record(self) -> AlignRecord:
        """The record; a process remembers the last few, since those of a data set are too many."""
        return _record(self.record_file)

    @property
    def fingerprint(self) -> str:
        """See TrainingClip."""
        return clip_fingerprint(self.folder, "")

    @property
    def caption(self) -> str:
        """Its words, "" where there are none."""
        file = self.folder / CAPTION
        return file.read_text(encoding="utf-8").strip() if file.is_file() else ""

    @property
    def files(self) -> tuple[Path, ...]:
        """The frames."""
        return _pictures(self.folder)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a frame, pixels."""
        return _size(self.files[0])

    @property
    def camera_to_world(self) -> Float64:
        """[N, 4, 4] in metres by the clip's own scale."""
        return np.array(self.record.camera_to_world, dtype=np.float64).reshape(-1, 4, 4)

    @property
    def intrinsics(self) -> Float64:
        """[N, 3, 3], pixels."""
        return np.array(self.record.intrinsics, dtype=np.float64).reshape(-1, 3, 3)

    @property
    def scales(self) -> Float64 | None:
        """[N] what each frame's scale is of the clip's, which the poses have already; 1 where a frame has none."""
        if self.record.scale is None:
            return None
        return np.array([1.0 if s is None else s / self.record.scale for s in self.record.frame_scales])

    @property
    def frame_count(self) -> int:
        """Number of frames in the folder."""
        return len(self.files)

    def read(self, indices: Sequence[int]) -> UInt8:
        """These frames, [F, H, W, 3] uint8 sRGB."""
        return read_pictures(tuple(self.files[i] for i in indices))


def open_aligned(folder: Path, records: Path, frames: int, fps: float) -> ClipSet:
    """The clips of a folder whose records say that they can be trained on.

    Args:
        folder: of the clips' folders.
        records: folder of the records and their summary, whose quantile filter is applied.
        frames: of a sample.
        fps: frames per second of what the frames were taken of.

    Raises:
        DataError: there is no summary, or no clip is left.
    """
    summary_file = records / SUMMARY
    if not summary_file.is_file():
        raise DataError("The clips have no records", f"there is no {summary_file}", "Run `realcam data align` first.")
    summary = msgspec.json.decode(summary_file.read_bytes(), type=CollectionSummary)
    left_out: dict[str, list[str]] = {
        APART: summary.dropped,
        NO_SCALE: [f"{name}: {why}" for name, why in summary.refused.items()],
    }
    clips: list[TrainingClip] = []
    suspected = defaultdict[str, list[str]](list)
    for name in sorted(summary.kept):
        clip = AlignedClip(folder / name, records / f"{name}.json", fps)
        reason = refusal(clip, frames) if (folder / name).is_dir() else "no frames"
        if reason:
            left_out.setdefault(reason, []).append(name)
            continue
        odd = suspicion(clip, clip.record.notes)
        if odd:
            suspected[odd].append(name)
        clips.append(clip)
    return sorted_out(clips, left_out, suspected, str(folder))


@lru_cache(maxsize=CLIPS_KEPT)
def _record(file: Path) -> AlignRecord:
    return msgspec.json.decode(file.read_bytes(), type=AlignRecord)


@lru_cache(maxsize=CLIPS_KEPT)
def _pictures(folder: Path) -> tuple[Path, ...]:
    return picture_files(folder)


@lru_cache(maxsize=CLIPS_KEPT)
def _size(file: Path) -> tuple[int, int]:
    height, width = read_picture(file).shape[:2]
    return width, height
