"""Which frames of a clip make a sample."""

from __future__ import annotations

import random
from dataclasses import dataclass

from blender_addon.core.errors import RealCamError


class ClipTooShort(RealCamError):
    """A clip has fewer frames than a sample."""


@dataclass(frozen=True)
class FrameChoice:
    """Frames first, first + stride, ... of a clip.

    Attributes:
        first: index in the clip.
        stride: frames of the clip from one frame of the sample to the next.
        count: frames of the sample.
    """

    first: int
    stride: int
    count: int

    @property
    def indices(self) -> list[int]:
        """The frames' indices in the clip."""
        return list(range(self.first, self.first + self.stride * self.count, self.stride))

    def fps(self, source: float) -> float:
        """Frames per second of the sample, cut to an integer as the published data set does.

        Args:
            source: frames per second of the clip.
        """
        return source // self.stride


def choose_frames(length: int, stride: tuple[int, int] | int, draw: random.Random, count: int = 16) -> FrameChoice:
    """Frames at a stride, from a random start.

    A clip that is too short for the stride gets the largest one that fits by the published rule, length // count;
    nothing is drawn anew for it.

    Args:
        length: frames of the clip.
        stride: smallest and largest one to draw, both included; or the one to take, as in validation.
        draw: gives the stride, if there is a choice, then the start, if there is one.
        count: frames of the sample.

    Raises:
        ClipTooShort: the clip has fewer frames than the sample.
    """
    if length < count:
        raise ClipTooShort(
            "The clip is too short to train on", f"{length} frames, a sample has {count}", "Leave it out."
        )
    chosen = stride if isinstance(stride, int) else draw.randint(*stride)
    if (count - 1) * chosen + 1 > length:
        chosen = length // count
    left = length - ((count - 1) * chosen + 1)
    return FrameChoice(draw.randint(0, left) if left > 0 else 0, chosen, count)
