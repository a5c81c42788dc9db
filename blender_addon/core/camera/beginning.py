"""How far a shot's first camera stands from where its photo was taken, and how an engine gets there."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Float64

SAME_POSE = (1e-3, 1e-3)
"""Metres and radians within which a frame stands where the photo was taken."""


def moved(pose: Float64) -> tuple[float, float]:
    """(metres, degrees) of a pose from the identity.

    Args:
        pose: [4, 4] camera-to-world.
    """
    cosine = (np.trace(pose[:3, :3]) - 1) / 2
    return float(np.linalg.norm(pose[:3, 3])), math.degrees(math.acos(min(1.0, max(-1.0, float(cosine)))))


def at_the_photo(away: tuple[float, float]) -> bool:
    """Whether a camera so many (metres, degrees) away stands where the photo was taken."""
    return away[0] <= SAME_POSE[0] and math.radians(away[1]) <= SAME_POSE[1]


def lead_in_frames(away: tuple[float, float], pace: tuple[float, float]) -> int:
    """Frames from where the photo was taken up to a camera; 0 where that stands there.

    Args:
        away: (metres, degrees) of that camera from the photo's.
        pace: (metres, degrees) a frame.
    """
    return 0 if at_the_photo(away) else max(1, math.ceil(max(away[0] / pace[0], away[1] / pace[1])))
