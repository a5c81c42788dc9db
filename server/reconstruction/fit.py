"""How well cameras fit the tracks of a clip: a measure by which cameras that were found in different ways compare.

The mean reprojection error of a model does not do: a wrong model drops the points that it cannot explain, and the mean
of what is left is small. Here every track counts under every camera, those too that no camera was adjusted to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Bool, Float64, Int64

from .track_points import distances, triangulation_angles
from .tracks import Tracks

TOLERANCE, OF_SIZE = 2.0, 1024.0
"""Pixels within which an observation fits, in pictures whose longer side has so many pixels or fewer."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The fit of cameras to all tracks.

    Attributes:
        error: mean over the observations of min(1, (distance / tolerance)^2), 0 to 1; observations behind a camera and
            of frames without a pose are 1.
        inliers: share of the observations within the tolerance.
        held_out: the same share over the tracks that the cameras were not adjusted to; NaN without any.
        angle: median triangulation angle of the tracks that fit, degrees; 0 for a camera that only turns.
        support: [F] int64 observations within the tolerance.
    """

    error: float
    inliers: float
    held_out: float
    angle: float
    support: Int64


def tolerance_of(size: tuple[int, int]) -> float:
    """Pixels within which an observation fits, in frames of (width, height)."""
    return TOLERANCE * max(1.0, max(size) / OF_SIZE)


def measured_fit(
    poses: Float64, points: Float64, intrinsics: Float64, tracks: Tracks, held_out: Bool, size: tuple[int, int]
) -> Fit:
    """The fit of cameras and points to tracks.

    Args:
        poses: [F, 4, 4] world-to-camera, NaN where unknown.
        points: [T, 3].
        intrinsics: [F, 3, 3] pixels of `size`.
        tracks: all tracks of the clip.
        held_out: [T] which of them the cameras were not adjusted to.
        size: (width, height) of the frames.
    """
    tolerance = tolerance_of(size)
    miss, _ = distances(poses, points, intrinsics, tracks)
    fits = miss < tolerance
    angles = triangulation_angles(poses, points, tracks)
    explained = np.unique(tracks.track[fits])
    return Fit(
        error=float(np.minimum((miss / tolerance) ** 2, 1.0).mean()),
        inliers=float(fits.mean()),
        held_out=float(fits[held_out[tracks.track]].mean()) if held_out.any() else float("nan"),
        angle=float(np.median(angles[explained])) if len(explained) else 0.0,
        support=np.bincount(tracks.frame[fits], minlength=tracks.frames),
    )
