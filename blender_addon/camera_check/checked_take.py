"""CheckedTake: what the .blend keeps of a camera check. No bpy."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from ..core.arrays import Float64

Point = tuple[float, float, float]


class CheckedTake(msgspec.Struct, frozen=True, kw_only=True):
    """One take's check. shot, take: whose it is. imported_at: which photo the take was made from, as PhotoState tells.

    asked: [F] camera centres of the clip's frames as asked for, achieved: [P] of the frames whose camera was found;
    metres of the photo's scene, OpenCV axes of the photo's camera. index: [P] which of the F frames those are.
    scene_frames, degrees, metres: [P] where they lie on the timeline and how far each is off.
    metric: whether the metres are true ones; else distances were fitted to those asked for. scale: achieved distance
    over asked, None when not metric. scene_scale: the photo's scale at the time, which metres are told in.
    """

    shot: str
    take: int
    imported_at: float
    asked: tuple[Point, ...]
    achieved: tuple[Point, ...]
    index: tuple[int, ...]
    scene_frames: Annotated[tuple[float, ...], Meta(min_length=1)]
    degrees: tuple[float, ...]
    metres: tuple[float, ...]
    metric: bool
    scale: float | None
    findings: tuple[str, ...]
    scene_scale: float

    @property
    def worst(self) -> int:
        """The place 0..P-1 of the frame that is furthest off, angle and distance weighed by their own medians."""
        errors = np.array([self.degrees, self.metres])
        size = np.maximum(np.median(errors, axis=1, keepdims=True), np.array([[1e-3], [1e-5]]))
        return int((errors / size).max(axis=0).argmax())

    def paths(self, scene_scale: float) -> tuple[Float64, Float64]:
        """Centres asked [F, 3] and achieved [P, 3] in a scene that has been re-metered to `scene_scale` since."""
        factor = scene_scale / self.scene_scale
        return np.array(self.asked) * factor, np.array(self.achieved) * factor


def angle_line(check: CheckedTake) -> str:
    """How far the directions are off, in words."""
    return f"Turned away: {np.median(check.degrees):.2g}° (median), {max(check.degrees):.2g}° at most"


def distance_line(check: CheckedTake, scene_scale: float) -> str:
    """How far the places are off, in words."""
    factor = scene_scale / check.scene_scale
    middle, most = format_length(factor * float(np.median(check.metres))), format_length(factor * max(check.metres))
    unit = "" if check.metric else "; scale unknown, fitted"
    return f"Off its place: {middle} (median), {most} at most{unit}"


def format_length(metres: float) -> str:
    """Metres as a person says them: "4 mm", "3.2 cm", "1.40 m"."""
    if metres < 0.01:
        return f"{metres * 1000:.2g} mm"
    return f"{metres * 100:.1f} cm" if metres < 1 else f"{metres:.2f} m"
