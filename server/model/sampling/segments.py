"""Shots longer than the weights know, as overlapping segments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """Frames start..stop of the shot; the first `known` of them were made by the segment before."""

    start: int
    stop: int
    known: int

    def __len__(self) -> int:
        return self.stop - self.start


def plan_segments(frames: int, window: int = 16, overlap: int = 4) -> tuple[Segment, ...]:
    """Segments of `window` frames that cover all `frames`; the last one overlaps more where it must.

    A shot that fits the window is one segment. Raises ValueError when segments would not advance.
    """
    if frames <= window:
        return (Segment(0, frames, 0),)
    if not 1 <= overlap < window:
        raise ValueError(f"an overlap of {overlap} frames does not fit segments of {window}")
    segments = [Segment(0, window, 0)]
    while segments[-1].stop < frames:
        end = segments[-1].stop
        start = min(end - overlap, frames - window)
        segments.append(Segment(start, start + window, end - start))
    return tuple(segments)
