"""How far two paths of one clip are apart, whatever their worlds and units are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.trajectory import inverse, rotation_log

SAME_DEGREES, SAME_SHARE = 0.5, 0.05
"""Differences up to which two paths are called the same."""


@dataclass(frozen=True)
class PathDifference:
    """The difference of two paths over the frames that both know, seen from the first of these.

    Attributes:
        degrees: root mean square of the angle between the directions of a frame.
        share: root mean square of the distance between the places of a frame, as a share of the second path's extent,
            the first path's distances brought to it by least squares; 0 when neither travels.
        frames: how many frames both know.
    """

    degrees: float
    share: float
    frames: int

    @property
    def same(self) -> bool:
        """Whether the two may be called one path."""
        return self.frames > 1 and self.degrees <= SAME_DEGREES and self.share <= SAME_SHARE


def path_difference(one: Float64, other: Float64) -> PathDifference:
    """The difference of two paths.

    Args:
        one, other: [F, 4, 4] camera-to-world, NaN where unknown.
    """
    both = np.isfinite(one[:, 0, 0]) & np.isfinite(other[:, 0, 0])
    if not both.any():
        return PathDifference(float("inf"), float("inf"), 0)
    first, second = (inverse(path[both][:1]) @ path[both] for path in (one, other))
    turn = rotation_log(np.swapaxes(first[:, :3, :3], 1, 2) @ second[:, :3, :3])
    degrees = float(np.degrees(np.sqrt((turn**2).sum(axis=1).mean())))
    return PathDifference(degrees, _share(first[:, :3, 3], second[:, :3, 3]), int(both.sum()))


def _share(ours: Float64, theirs: Float64) -> float:
    extent = float(np.linalg.norm(theirs, axis=1).max())
    power = float((ours**2).sum())
    if extent == 0:
        return 0.0 if power == 0 else 1.0
    scale = max(float((ours * theirs).sum()) / power, 0.0) if power > 0 else 0.0
    return float(np.sqrt(((scale * ours - theirs) ** 2).sum(axis=1).mean()) / extent)
