"""Clips that `realcam data align` or `render` recorded: folders of frames, and a record of each in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.camera.formats.text_lines import read_text
from blender_addon.core.errors import CameraError, PhotoError, RealCamError
from blender_addon.core.photo.photo_file import photo_header
from server.datasets.align import AlignRecord, read_record
from server.datasets.align_collection import clip_fingerprint
from server.datasets.clip_frames import ClipError, picture_files, read_picture, read_pictures

from .clip_set import ClipSet, DataError, Verdict, fault, sorted_out
from .first_depth import NEAR_PLANE, depth_file, near_plane, read_frame_depth
from .inspection import APART, NO_SCALE, read_summary, side_by_side
from .posed_clips import refusal
from .suspicions import suspicion

CAPTION = "caption.txt"
"""File of a clip's words, beside its frames."""
NO_NEAR_PLANE = "no depth of the first frame, which sets the relative scale"
"""Reason to leave a clip out at relative scale."""
CLIPS_KEPT = 16
"""Clips whose record and list of frames a process remembers."""


@dataclass(frozen=True, eq=False)
class AlignedClip:
    """One recorded clip, a TrainingClip.

    Attributes:
        folder: of the frames.
        record_file: of the alignment.
        fps: frames per second of what the frames were taken of.
        relative: whether the clip's unit of length is that of predecessors, see `unit`, not the metre.
    """

    folder: Path
    record_file: Path
    fps: float
    relative: bool = False

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
        """Its words, "" where there are none.

        Raises:
            DataError: they are not text.
        """
        file = self.folder / CAPTION
        try:
            return read_text(file).strip()
        except FileNotFoundError:
            return ""
        except CameraError as error:
            raise DataError("The caption cannot be read", f"{file}: {error.why}", error.remedy) from error
        except OSError as error:
            raise DataError("The caption cannot be read", f"{file}: {error.strerror}") from error

    @property
    def files(self) -> tuple[Path, ...]:
        """The frames."""
        return _pictures(self.folder)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the first frame, pixels."""
        return _size(self.files[0])

    @property
    def depth(self) -> Path:
        """File of the first frame's depth, there or not."""
        return depth_file(self.folder, self.files[0])

    @property
    def unit(self) -> float:
        """Metres of a unit of length; where it is relative, the first frame's near plane is NEAR_PLANE of them away."""
        return near_plane(self.depth) / NEAR_PLANE if self.relative else 1.0

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
        """[N] what each frame's scale is of the clip's, which the poses have already; 1 where a frame has none.

        Where the unit is relative: units of length per metre, one number.
        """
        scale, count = self.record.scale, len(self.record.frame_scales)
        if scale is None:
            return None
        if scale <= 0.0:
            return np.full(count, scale)  # Stays visible as a scale that is not above zero.
        if self.relative:
            return np.full(count, 1.0 / self.unit)
        return np.array([1.0 if s is None else s / scale for s in self.record.frame_scales])

    @property
    def frame_count(self) -> int:
        """Number of frames in the folder."""
        return len(self.files)

    def read(self, indices: Sequence[int]) -> UInt8:
        """These frames, [F, H, W, 3] uint8 sRGB."""
        return read_pictures(tuple(self.files[i] for i in indices))

    def depth_of(self, index: int) -> Float32 | None:
        """See TrainingClip."""
        file = depth_file(self.folder, self.files[index])
        return read_frame_depth(file) if file.is_file() else None


def open_aligned(folder: Path, records: Path, frames: int, fps: float, relative: bool = False) -> ClipSet:
    """The clips of a folder whose records say that they can be trained on.

    Args:
        folder: of the clips' folders.
        records: folder of the records and their summary, whose quantile filter is applied.
        frames: of a sample.
        fps: frames per second of what the frames were taken of.
        relative: give each clip predecessors' unit of length, for which the depth of its first frame must be there.

    Raises:
        DataError: there is no such folder, no summary, or no clip is left.
    """
    if not folder.is_dir():
        raise DataError("There is no such folder of clips", str(folder))
    summary = read_summary(records)
    left_out = {APART: summary.dropped, NO_SCALE: [f"{name}: {why}" for name, why in summary.refused.items()]}
    named = [AlignedClip(folder / name, records / f"{name}.json", fps) for name in sorted(summary.kept)]
    verdicts = side_by_side(lambda clip: _verdict(clip, frames, relative), named)
    clips = [replace(clip, relative=relative) for clip in named]
    return sorted_out(zip(clips, verdicts, strict=True), left_out, str(folder))


def _verdict(clip: AlignedClip, frames: int, relative: bool) -> Verdict:
    if not clip.folder.is_dir():
        return Verdict(reason="no frames")
    try:
        reason = refusal(clip, frames)
        if not reason and relative and not (clip.depth.is_file() and near_plane(clip.depth) > 0):
            reason = NO_NEAR_PLANE
        return Verdict(reason=reason, suspected="" if reason else suspicion(clip, clip.record.notes))
    except RealCamError as error:
        return fault(error)


@lru_cache(maxsize=CLIPS_KEPT)
def _record(file: Path) -> AlignRecord:
    return read_record(file)


@lru_cache(maxsize=CLIPS_KEPT)
def _pictures(folder: Path) -> tuple[Path, ...]:
    return picture_files(folder)


@lru_cache(maxsize=CLIPS_KEPT)
def _size(file: Path) -> tuple[int, int]:
    """Of a picture as it is stored, from its header, which also tells whether it is whole: decoding takes far longer.

    Raises:
        ClipError: the file cannot be read.
    """
    if file.suffix.lower() == ".bmp":  # No kind of photo.
        height, width = read_picture(file).shape[:2]
        return width, height
    try:
        return photo_header(file).picture.size
    except PhotoError as error:
        raise ClipError("A picture cannot be read", error.why, error.remedy) from error
