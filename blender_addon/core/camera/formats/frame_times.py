"""The first column of a camera file as times: in which unit it counts, and the frame rate that follows.

A format says its unit, and the files that people write hold frame numbers, seconds, milliseconds, microseconds or
nanoseconds. They are told apart by the rate that follows: nobody films at 0.02 or at 1,000,000 frames a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Float64
from .camera_file import DEFAULT_FPS, Known

UNITS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}
"""Seconds in each unit."""
SLOWEST, FASTEST = 1.0, 1000.0
"""Frames a second that are believed in the format's own unit: every eighth frame of a film, and motion capture."""
FILMED = (5.0, 250.0)
"""Frames a second that have to follow for another unit than the format's to be believed."""
LARGEST_STRIDE = 16
"""Whole numbers that grow by no more than this count frames: in milliseconds they would be more than 60 a second."""


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """When the frames were taken.

    Attributes:
        seconds: [F], or None where the file does not say.
        fps: frames a second.
        note: a sentence on what was assumed, or "".
    """

    seconds: Float64 | None
    fps: float
    note: str = ""


def frame_times(stamps: Float64, unit: str, known: Known) -> FrameTimes:
    """The times and the rate of a column of stamps.

    Args:
        stamps: [F], F > 0, as they stand in the file.
        unit: the one that the format has, a key of UNITS.
        known: its rate counts, whatever the stamps say.
    """
    assumed = "" if known.fps is not None else f", {DEFAULT_FPS:g} a second"
    fps = DEFAULT_FPS if known.fps is None else known.fps
    if len(stamps) < 2:
        return FrameTimes(stamps * UNITS[unit], fps)
    if not np.any(stamps):
        return FrameTimes(None, fps, f"Every timestamp is 0: the frames are taken as evenly spaced{assumed}.")
    steps = np.diff(stamps)
    if (steps <= 0).any():
        why = "The timestamps do not increase: the frames are taken"
        return FrameTimes(None, fps, f"{why} in the file's order, as evenly spaced{assumed}.")
    step = float(np.median(steps))
    if step <= LARGEST_STRIDE and bool((stamps == np.rint(stamps)).all()):
        note = f"The times are frame numbers ({stamps[0]:.15g}, {stamps[1]:.15g}, ...): {fps:g} a second are assumed."
        return FrameTimes(stamps / step / fps, fps, note if assumed else "")
    return _in_a_unit(stamps, step, unit, known)


def stated_rate(fps: float | None, known: Known) -> tuple[float, str]:
    """The frame rate that a file states, where nothing else is known and people film at it; and a note, or "".

    Args:
        fps: frames a second, None where the file states none.
        known: its rate counts, whatever the file says.
    """
    if known.fps is not None or fps is None:
        return known.rate, ""
    if SLOWEST <= fps <= FASTEST:
        return fps, ""
    return (
        DEFAULT_FPS,
        f"The file states {fps:.3g} frames a second, at which nobody films: {DEFAULT_FPS:g} are assumed.",
    )


def _in_a_unit(stamps: Float64, step: float, unit: str, known: Known) -> FrameTimes:
    """Stamps that increase and are no frame numbers; `step` is the median of their differences."""
    for name in (unit, *UNITS):
        slowest, fastest = (SLOWEST, FASTEST) if name == unit else FILMED
        usual = _rate(step, name)
        if not slowest <= usual <= fastest:
            continue
        seconds = stamps * UNITS[name]
        # A pause in the middle does not slow the frames down.
        mean = float((len(stamps) - 1) / (seconds[-1] - seconds[0]))
        rate = mean if slowest <= mean <= fastest else usual
        note = f"The times are read as {name}, not as the format's {unit}: {rate:.4g} frames a second follow."
        return FrameTimes(seconds, rate if known.fps is None else known.fps, "" if name == unit else note)
    if known.fps is not None:
        return FrameTimes(None, known.fps)
    why = f"The times, in {unit}, give {_rate(step, unit):.3g} frames a second, at which nobody films"
    return FrameTimes(None, DEFAULT_FPS, f"{why}: {DEFAULT_FPS:g} are assumed.")


def _rate(step: float, unit: str) -> float:
    """Frames a second, infinite for a step that is too small for a number."""
    seconds = step * UNITS[unit]
    return 1 / seconds if seconds > 0 else np.inf
