"""Clips that are videos, with cameras from a file or a table: RealEstate10K's layout and RealCam-Vid's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float32, Float64, UInt8
from blender_addon.core.camera.formats import camera_info
from blender_addon.core.camera.formats.camera_file import CameraFile, Known
from blender_addon.core.camera.formats.dispatch import read_trajectory
from server.datasets.align_collection import clip_fingerprint
from server.datasets.clip_frames import VideoFacts, read_video_frames

CAMERAS_KEPT = 16
"""Clips whose cameras a process remembers: a sample asks for them several times, and all of a data set are too many."""


@dataclass(frozen=True)
class CameraText:
    """A camera file of any known format.

    Attributes:
        file: the file.
    """

    file: Path

    def read(self, size: tuple[int, int], fps: float) -> CameraFile:
        """The cameras of pictures of this (width, height), pixels.

        Raises:
            CameraError: they cannot be read.
        """
        return read_trajectory(self.file, *size, fps)


@dataclass(frozen=True)
class CameraRow:
    """A row of RealCam-Vid's table.

    Attributes:
        matrices: .npy of all rows' world-to-camera matrices, [N, 3, 4], which is mapped, not read.
        first, count: of this row's.
        lens: fx, fy, cx, cy in units of width and height.
        factor: metres in a unit of length; None if unknown.
    """

    matrices: Path
    first: int
    count: int
    lens: tuple[float, ...]
    factor: float | None

    def read(self, size: tuple[int, int], fps: float) -> CameraFile:
        """The cameras of pictures of this (width, height), pixels; in metres where the factor is known.

        Raises:
            CameraError: they are none.
        """
        rows = np.load(self.matrices, mmap_mode="r")[self.first : self.first + self.count]
        values = {"camera_extrinsics": np.array(rows), "camera_intrinsics": np.array(self.lens)}
        if self.factor is not None:
            values["align_factor"] = np.array(self.factor)
        return camera_info.of_values(values, Known(size, fps))


CameraSource = CameraText | CameraRow
"""Where a clip's cameras are."""


@dataclass(frozen=True, eq=False)
class VideoClip:
    """One clip, a TrainingClip.

    Attributes:
        name: its own, unique in the data set.
        video: the file.
        cameras: where they are.
        caption: what is to be seen, in words.
        facts: of the video.
        known_scales: [N] metres per unit of length; None if unknown.
    """

    name: str
    video: Path
    cameras: CameraSource
    caption: str
    facts: VideoFacts
    known_scales: NDArray[np.float32] | None

    @property
    def fps(self) -> float:
        """Frames per second of the video."""
        return self.facts.fps

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a frame, pixels."""
        return self.facts.size

    @property
    def frame_count(self) -> int:
        """Frames of the video."""
        return self.facts.frames

    @property
    def fingerprint(self) -> str:
        """See TrainingClip."""
        return clip_fingerprint(self.video, self.name)

    @property
    def camera_file(self) -> CameraFile:
        """Its cameras, with what looked odd in them."""
        return _read(self.cameras, self.facts.size, self.facts.fps)

    @property
    def camera_to_world(self) -> Float64:
        """[N, 4, 4] in the cameras' own unit."""
        return self.camera_file.trajectory.camera_to_world

    @property
    def intrinsics(self) -> Float64:
        """[N, 3, 3], pixels."""
        return self.camera_file.trajectory.intrinsics

    @property
    def scales(self) -> Float64 | None:
        """[N] metres per unit of length; None if unknown."""
        return None if self.known_scales is None else self.known_scales.astype(np.float64)

    def read(self, indices: Sequence[int]) -> UInt8:
        """These frames, [F, H, W, 3] uint8 sRGB."""
        return read_video_frames(self.video, indices)

    def depth_of(self, index: int) -> Float32 | None:
        """None: these data sets have no depth."""
        del index
        return None


def in_own_unit(clip: VideoClip) -> VideoClip:
    """The clip with its cameras in the unit of length that its data set has them in, whatever that is in metres."""
    factor = clip.cameras.factor if isinstance(clip.cameras, CameraRow) else None
    return replace(clip, known_scales=np.full(len(clip.camera_to_world), 1.0 / (factor or 1.0), dtype=np.float32))


@lru_cache(maxsize=CAMERAS_KEPT)
def _read(cameras: CameraSource, size: tuple[int, int], fps: float) -> CameraFile:
    return cameras.read(size, fps or 30.0)
