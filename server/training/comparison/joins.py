"""How a clip joins what it is to join: across a seam of its segments, at its end, and where a loop closes."""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float64, UInt8


def steps(frames: UInt8) -> Float64:
    """[F - 1] the mean absolute difference of each two neighbours among frames [F, H, W, 3], 0 to 255."""
    return np.asarray(np.abs(np.diff(frames.astype(np.float64), axis=0)).mean(axis=(1, 2, 3)), dtype=np.float64)


def jump(frames: UInt8, at: int) -> float:
    """The difference of a frame and the next one, as a multiple of the mean of all other neighbours'.

    Args:
        frames: [F, H, W, 3], at least 3.
        at: index of the first of the two; -2 for the last but one.
    """
    found = steps(frames)
    place = at if at >= 0 else len(frames) + at
    others = np.delete(found, place).mean()
    return float(found[place] / others) if others > 0 else float("inf")


def closure(frames: UInt8) -> float:
    """How far the last frame is from the first, as a multiple of how far a frame is from the one before.

    Args:
        frames: [F, H, W, 3], at least 2.
    """
    apart = np.abs(frames[-1].astype(np.float64) - frames[0]).mean()
    mean = steps(frames).mean()
    return float(apart / mean) if mean > 0 else float("inf")
