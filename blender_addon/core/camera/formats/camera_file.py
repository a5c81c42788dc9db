"""Shared by the formats: the result of reading (CameraFile), what the caller adds (Known), and poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...arrays import Float64
from ...errors import CameraError
from ..lens import DEFAULT_HORIZONTAL_FOV
from ..projection import intrinsics_from_fov
from ..trajectory import Trajectory

DEFAULT_FPS = 24.0
"""Frames a second, assumed when neither the caller nor the file gives a rate."""

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""[4, 4]. Multiplied from the right, it turns OpenGL's camera axes (x right, y up, looking along -z) into OpenCV's, and
back.
"""


@dataclass(frozen=True, eq=False)
class Known:
    """What the caller knows and the file may not say. None means unknown.

    Attributes:
        size: (width, height) of the picture, pixels.
        fps: frames a second.
        intrinsics: [3, 3] in pixels of `size`.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    intrinsics: Float64 | None = None

    def needed_size(self, format_name: str) -> tuple[int, int]:
        """(width, height) in pixels, for a format that does not store the size.

        Raises:
            CameraError: the size is not known.
        """
        if self.size is None:
            raise CameraError(
                "The size of the picture is not known", f"{format_name} does not store it", "Give width and height."
            )
        return self.size

    def lens(self, size: tuple[int, int], count: int) -> tuple[Float64, tuple[str, ...]]:
        """Intrinsics for a file that has none.

        Args:
            size: (width, height) of the picture, pixels.
            count: number of frames.

        Returns:
            [count, 3, 3] float64 pixels, and notes: one that says so when the field of view is assumed, else none.
        """
        if self.intrinsics is not None:
            return np.repeat(np.asarray(self.intrinsics, dtype=np.float64)[None], count, axis=0), ()
        guess = intrinsics_from_fov(*size, DEFAULT_HORIZONTAL_FOV)
        return np.repeat(guess[None], count, axis=0), (
            f"The file has no focal length: {np.degrees(DEFAULT_HORIZONTAL_FOV):.0f} degrees horizontally are assumed.",
        )

    @property
    def rate(self) -> float:
        """Frames a second for a file without times: the caller's, else DEFAULT_FPS."""
        return DEFAULT_FPS if self.fps is None else self.fps


@dataclass(frozen=True, eq=False)
class CameraFile:
    """A camera file as read.

    Attributes:
        trajectory: camera-to-world, OpenCV axes, in the file's own world and unit (metres if the file is metric).
        format: the format's name; "colmap" for both COLMAP formats.
        names: [F] picture names, or empty.
        timestamps: [F] seconds, or None.
        missing: names of pictures that are not where the file says, or whose camera was not solved.
        notes: sentences on what looked odd or was assumed.
    """

    trajectory: Trajectory
    format: str
    names: tuple[str, ...] = ()
    timestamps: Float64 | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def with_notes(self, *notes: str) -> CameraFile:
        """The same file with more notes; empty ones are left out."""
        return replace(self, notes=(*self.notes, *(note for note in notes if note)))


def pose_matrices(rotation: Float64, translation: Float64) -> Float64:
    """[N, 4, 4] float64 poses from rotations [N, 3, 3] and translations [N, 3]."""
    poses = np.tile(np.eye(4), (len(rotation), 1, 1))
    poses[:, :3, :3] = rotation
    poses[:, :3, 3] = translation
    return poses


def normalised_quaternions(quaternions: Float64, lines: Sequence[int]) -> Float64:
    """Unit quaternions.

    Args:
        quaternions: [N, 4].
        lines: [N] where each stands in the file, for the error.

    Returns:
        [N, 4] float64.

    Raises:
        CameraError: the length of a quaternion is off by more than 10 %.
    """
    norm = np.linalg.norm(quaternions, axis=1)
    worst = int(np.argmax(np.abs(norm - 1)))
    if abs(norm[worst] - 1) > 0.1:
        raise CameraError("A quaternion is not a rotation", f"line {lines[worst]}: its length is {norm[worst]:.3g}")
    return np.asarray(quaternions / norm[:, None], dtype=np.float64)
