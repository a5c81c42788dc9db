"""Detect a file that holds camera-to-world matrices where world-to-camera belong, or the other way round."""

from __future__ import annotations

import numpy as np

from ...arrays import Float64
from ..trajectory import inverse

RATIO = 2.5
"""How much jerkier the path must be than the inverse matrices' to be suspect. Real files, read correctly, reach 1.6."""

JITTER = 0.05
"""Below this third difference per unit of path length, a path is smooth: an authored curve, which proves nothing."""

AIM = 0.02
"""A path whose optical axes meet in front of it within this share of the distance was authored to look at a point."""


def inverted_pose_note(camera_to_world: Float64, slot: str) -> str:
    """A note when poses look as if they were read the wrong way round.

    Read the wrong way, each shake of the camera's rotation becomes a jolt of its position, as long as the camera is far
    from the origin. So the path is compared with that of the inverse matrices. A short, smooth or origin-bound clip
    cannot be judged like this, so an empty result proves nothing.

    Args:
        camera_to_world: [F, 4, 4] as read.
        slot: what the format stores, "world-to-camera" or "camera-to-world".

    Returns:
        A sentence, or "" when nothing is suspected.
    """
    if len(camera_to_world) < 8:
        return ""
    jerk, other = _jerk(camera_to_world[:, :3, 3]), _jerk(inverse(camera_to_world)[:, :3, 3])
    if jerk < JITTER or jerk < RATIO * other or _meets_in_front(camera_to_world):
        return ""
    belongs, found = ("world-to-camera", "camera-to-world")
    if slot == found:
        belongs, found = found, belongs
    return (
        f"Suspected: {found} matrices stand where {belongs} matrices belong (read as the format says, the camera's "
        f"path is {jerk / max(other, 1e-9):.1f} times as jerky as read the other way). Ask whoever wrote the file."
    )


def _jerk(centres: Float64) -> float:
    """Third differences of the path [F, 3] for each unit of its length; 0 where it does not move."""
    way = float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum())
    third = float(np.linalg.norm(np.diff(centres, n=3, axis=0), axis=1).sum())
    return third / way if way > 1e-9 * (1 + float(np.abs(centres).max())) else 0.0


def _meets_in_front(camera_to_world: Float64) -> bool:
    centres, axes = camera_to_world[:, :3, 3], camera_to_world[:, :3, 2]
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    point = np.linalg.lstsq(across.sum(0), (across @ centres[:, :, None]).sum(0)[:, 0], rcond=None)[0]
    towards = point - centres
    miss = np.linalg.norm((across @ towards[:, :, None])[..., 0], axis=1)
    return bool(((towards * axes).sum(1) > 0).all() and miss.mean() < AIM * np.linalg.norm(towards, axis=1).mean())
