"""Clips that `realcam data align` or `render` recorded: folders of frames, and a record of each in metres."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.errors import RealCamError
from server.datasets.align import AlignRecord
from server.datasets.align_collection import SUMMARY, CollectionSummary
from server.datasets.clip_frames import picture_files, read_picture, read_pictures

from .posed_clips import refusal

CAPTION = "caption.txt"
"""File of a clip's words, beside its frames."""


class DataError(RealCamError):
    """A data set that cannot be trained on."""


@dataclass(frozen=True, eq=False)
class AlignedClip:
    """One recorded clip, a TrainingClip.

    Attributes:
        folder: of the frames.
        record: of the alignment.
        fps: frames per second of what the frames were taken of.
    """

    folder: Path
    record: AlignRecord
    fps: float

    @property
    def name(self) -> str:
        """The clip's name."""
        return self.record.clip

    @property
    def caption(self) -> str:
        """Its words, "" where there are none."""
        file = self.folder / CAPTION
        return file.read_text(encoding="utf-8").strip() if file.is_file() else ""

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The frames."""
        return picture_files(self.folder)

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) of a frame, pixels."""
        height, width = read_picture(self.files[0]).shape[:2]
        return width, height

    @cached_property
    def camera_to_world(self) -> Float64:
        """[N, 4, 4] in metres by the clip's own scale."""
        return np.array(self.record.camera_to_world, dtype=np.float64).reshape(-1, 4, 4)

    @cached_property
    def intrinsics(self) -> Float64:
        """[N, 3, 3], pixels."""
        return np.array(self.record.intrinsics, dtype=np.float64).reshape(-1, 3, 3)

    @cached_property
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


@dataclass(frozen=True, eq=False)
class AlignedClips:
    """The clips that can be trained on, a PosedClips.

    Attributes:
        clips: in the order of their names.
        refused: reason -> number of clips that were left out for it.
    """

    clips: tuple[AlignedClip, ...]
    refused: dict[str, int]

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.clips)

    def __getitem__(self, index: int) -> AlignedClip:
        """The clip at an index."""
        return self.clips[index]


def open_aligned(folder: Path, records: Path, frames: int, fps: float) -> AlignedClips:
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
    reasons = Counter[str]()
    reasons["a scale apart from the others'"] += len(summary.dropped)
    reasons["no accepted scale"] += len(summary.refused)
    clips = []
    for name in sorted(summary.kept):
        record = msgspec.json.decode((records / f"{name}.json").read_bytes(), type=AlignRecord)
        if not (folder / name).is_dir():
            reasons["no frames"] += 1
            continue
        clip = AlignedClip(folder / name, record, fps)
        reason = refusal(clip, frames)
        if reason:
            reasons[reason] += 1
        else:
            clips.append(clip)
    refused = {reason: count for reason, count in reasons.items() if count}
    if not clips:
        said = ", ".join(f"{count}: {reason}" for reason, count in refused.items()) or "there are none"
        raise DataError("No clip can be trained on", f"{folder}: {said}")
    return AlignedClips(tuple(clips), refused)
