"""The overlapping segments of a shot that is longer than the weights know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """A part of a shot that is sampled at once.

    Attributes:
        start: its first frame in the shot.
        stop: the frame after its last.
        known: how many of its first frames the segment before has made.
    """

    start: int
    stop: int
    known: int

    def __len__(self) -> int:
        """Number of frames."""
        return self.stop - self.start


def plan_segments(frames: int, window: int = 16, overlap: int = 4) -> tuple[Segment, ...]:
    """The segments that cover a shot; the last one overlaps more where it must.

    Args:
        frames: of the shot.
        window: frames of a segment; a shot that fits is one segment.
        overlap: frames that a segment shares with the one before, at least.

    Raises:
        ValueError: there are several segments, and the overlap is not 1 to window - 1.
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
