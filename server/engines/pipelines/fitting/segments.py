"""A shot longer than a network makes at once, in segments that share frames, and the segments put together again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from blender_addon.core.arrays import UInt8

LEVELS = np.arange(256, dtype=np.float64)
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

    Both show the same pixels, all of them, so that these are compared one by one; what the photo shows is compared with
    a clip that may be softer, where it is seen, and over time (compositing/colour_match.py).

    Args:
        frames: [F, H, W, 3].
        seen: [n, H, W, 3] frames of theirs.
        wanted: [n, H, W, 3] how those should look.
    """
    tables = []
    for have, want in zip(_means_and_spreads(seen), _means_and_spreads(wanted), strict=True):
        gain = float(np.clip(want[1] / have[1], *GAIN)) if have[1] > 0 else 1.0
        tables.append(np.rint((LEVELS - have[0]) * gain + want[0]).clip(0, 255).astype(np.uint8))
    table = np.concatenate(tables).tolist()
    result = np.empty_like(frames)
    for index, frame in enumerate(frames):
        result[index] = Image.fromarray(frame).point(table)
    return result


def _means_and_spreads(frames: UInt8) -> list[tuple[float, float]]:
    """Of each channel of frames [F, H, W, 3], from a histogram: exact, and quicker than over pixels."""
    counts = np.sum([Image.fromarray(frame).histogram() for frame in frames], axis=0).reshape(3, 256)
    means = counts @ LEVELS / counts.sum(axis=1)
    spreads = [math.sqrt(count @ (LEVELS - mean) ** 2 / count.sum()) for count, mean in zip(counts, means, strict=True)]
    return list(zip(means.tolist(), spreads, strict=True))
