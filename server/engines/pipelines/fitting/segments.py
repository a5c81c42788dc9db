"""A shot longer than a network makes at once, in segments that share frames, and the segments put together again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import UInt8

GAIN = (0.8, 1.25)
"""The least and the most that a join stretches the contrast of a segment."""


@dataclass(frozen=True)
class Segment:
    """A part of a shot that is made in one piece.

    Attributes:
        first: its first frame in the shot.
        frames: of the shot that are in it.
        given: of those, how many at its start the segment before made; 0 in the first.
    """

    first: int
    frames: int
    given: int


def segments(count: int, most: int, shared: int) -> tuple[Segment, ...]:
    """The segments of a shot, all about as long.

    Args:
        count: frames of the shot.
        most: frames of a segment at most.
        shared: frames of a segment that the one before it makes too; fewer than `most`.
    """
    if count <= most:
        return (Segment(0, count, 0),)
    number = math.ceil((count - shared) / (most - shared))
    step = math.ceil((count - shared) / number)
    return tuple(Segment(n * step, min(step + shared, count - n * step), shared if n else 0) for n in range(number))


def joined(before: UInt8, after: UInt8, shared: int) -> UInt8:
    """One clip of two that share frames: the second in the colours of the first, faded over in the frames they share.

    Args:
        before: [N, H, W, 3], whose last `shared` frames both show.
        after: [M, H, W, 3], whose first `shared` frames both show.
        shared: how many, at least 1.

    Returns:
        [N + M - shared, H, W, 3] uint8.
    """
    end = before[-shared:]
    after = colour_matched(after, after[:shared], end)
    weight = (np.arange(1, shared + 1, dtype=np.float32) / (shared + 1))[:, None, None, None]
    fade = np.rint(end * (1 - weight) + after[:shared] * weight).astype(np.uint8)
    return np.concatenate([before[:-shared], fade, after[shared:]])


def colour_matched(frames: UInt8, seen: UInt8, wanted: UInt8) -> UInt8:
    """The frames with the means and spreads of their channels changed as those of `seen` would have to be.

    Args:
        frames: [F, H, W, 3].
        seen: [n, H, W, 3] frames of theirs.
        wanted: [n, H, W, 3] how those should look.
    """
    result = np.empty_like(frames)
    levels = np.arange(256, dtype=np.float64)
    for channel in range(3):
        have, want = _mean_and_spread(seen[..., channel]), _mean_and_spread(wanted[..., channel])
        gain = float(np.clip(want[1] / have[1], *GAIN)) if have[1] > 0 else 1.0
        table = np.rint((levels - have[0]) * gain + want[0]).clip(0, 255).astype(np.uint8)
        result[..., channel] = table[frames[..., channel]]
    return result


def _mean_and_spread(values: UInt8) -> tuple[float, float]:
    """From a histogram: exact, and quicker than over pixels."""
    count = np.bincount(values.ravel(), minlength=256)
    levels = np.arange(256, dtype=np.float64)
    mean = float(count @ levels / count.sum())
    return mean, math.sqrt(float(count @ (levels - mean) ** 2 / count.sum()))
