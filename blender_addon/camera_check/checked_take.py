"""CheckedTake: what the .blend keeps of a camera check. No bpy."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from ..core.arrays import Float64

Point = tuple[float, float, float]


class CheckedTake(msgspec.Struct, frozen=True, kw_only=True):
    """The camera check of one take: F frames of the clip, in P of which the camera was found.

    Attributes:
        shot: The name of the take's shot.
        take: The take's number.
        imported_at: Which photo the take was made from, as in PhotoState.
        asked: [F] camera centres as asked for; metres of the photo's scene, OpenCV axes of the photo's camera.
        achieved: [P] camera centres found, in the same metres and axes.
        index: [P] which of the F frames those are.
        scene_frames: [P] scene frames at which they lie on the timeline.
        degrees: [P] error of each one's direction.
        metres: [P] error of each one's place.
        metric: Whether the metres are true ones; else distances were fitted to those asked for.
        scale: Achieved distance over distance asked for, None when not metric.
        findings: What the check says of the clip, in sentences.
        scene_scale: The photo's scale at the time of the check, which all metres here refer to.
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
        """The place, 0 to P - 1, of the frame with the largest error, each kind of error divided by its median."""
        errors = np.array([self.degrees, self.metres])
        size = np.maximum(np.median(errors, axis=1, keepdims=True), np.array([[1e-3], [1e-5]]))
        return int((errors / size).max(axis=0).argmax())

    def paths(self, scene_scale: float) -> tuple[Float64, Float64]:
        """The camera centres in a scene that may have been rescaled since.

        Args:
            scene_scale: The photo's present scale.

        Returns:
            (asked [F, 3], achieved [P, 3]) float64, metres of the photo's present scene.
        """
        factor = scene_scale / self.scene_scale
        return np.array(self.asked) * factor, np.array(self.achieved) * factor


def angle_line(check: CheckedTake) -> str:
    """The errors of direction as a line of text."""
    return f"Turned away: {np.median(check.degrees):.2g}° (median), {max(check.degrees):.2g}° at most"


def distance_line(check: CheckedTake, scene_scale: float) -> str:
    """The errors of place as a line of text, in metres of the photo's present scale `scene_scale`."""
    factor = scene_scale / check.scene_scale
    middle, most = format_length(factor * float(np.median(check.metres))), format_length(factor * max(check.metres))
    unit = "" if check.metric else "; scale unknown, fitted"
    return f"Off its place: {middle} (median), {most} at most{unit}"


def format_length(metres: float) -> str:
    """Metres as text: "4 mm", "3.2 cm", "1.40 m"."""
    if metres < 0.01:
        return f"{metres * 1000:.2g} mm"
    return f"{metres * 100:.1f} cm" if metres < 1 else f"{metres:.2f} m"
