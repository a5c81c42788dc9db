"""Keep what the photo sees: options of engines that paint every pixel anew, and what they do with a finished clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Float64, UInt8
from blender_addon.core.payloads.seen_drift import SeenDrift
from blender_addon.core.payloads.shot import Shot
from blender_addon.core.protocol.capability import EngineOption
from blender_addon.core.protocol.engine_checks import checked_option
from server.compositing.composite import Compositor
from server.compositing.drift import drift_words

KEEP_SEEN = EngineOption(
    name="keep_seen",
    label="Keep what the photo sees",
    description="Pixels of the photo that the camera sees are laid back over the finished clip with a soft edge, and "
    "the clip's colours are matched to them. The clip says how far it had drifted from them",
    kind="bool",
    default=True,
    # What such shots made, they make again: their engine's own picture.
    unsaid=False,
)
KEEP_DETAIL = EngineOption(
    name="keep_detail",
    label="Keep down to a detail of",
    description="Pixels of the photo in one of the clip's, along a line, that are enough to keep them. Nearer than "
    "that the photo is magnified and soft: its colours are kept there, and the clip's own detail. 0 keeps the photo "
    "always",
    kind="float",
    default=0.5,
    minimum=0.0,
    maximum=1.0,
)
OPTIONS = (KEEP_SEEN, KEEP_DETAIL)
RISE = 6
"""Frames before a last image over which the photo gives way to it, at most; a third of the clip in shorter ones."""


@dataclass(frozen=True, eq=False)
class LaidBack:
    """A clip with what the photo sees laid back over it.

    Attributes:
        frames: [F, H, W, 3] uint8 sRGB.
        drift: how far the engine's picture was from the photo; None where the camera never sees the photo.
        notes: a sentence for the artist, where there is something to say.
    """

    frames: UInt8
    drift: SeenDrift | None
    notes: tuple[str, ...]


def laid_back(frames: UInt8, shot: Shot, keep_detail: float, alive: Callable[[], None] = lambda: None) -> LaidBack:
    """A finished clip with what the photo sees laid back over it.

    A last image of the shot's stays, and the photo gives way to it over the frames before.

    Args:
        frames: [F, H, W, 3] uint8 sRGB, of the shot's size and frame count.
        shot: what the clip was made of, as the artist sent it.
        keep_detail: the value of KEEP_DETAIL.
        alive: called twice for each frame; what it raises passes through.
    """
    strength = strengths(len(frames), ends_at_image=shot.last_image is not None)
    composite = Compositor(frames, shot, keep_detail, strength).compose(alive)
    notes = () if composite.drift is None else (drift_words(composite.drift),)
    return LaidBack(composite.frames, composite.drift, notes)


def asked_detail(shot: Shot) -> float | None:
    """The detail from which a shot's options keep what the photo sees; None where they do not keep it.

    Raises:
        EngineError: an option's value cannot be used.
    """
    keeps, detail = (checked_option(option, shot.settings.options.get(option.name, option.meant)) for option in OPTIONS)
    return float(detail) if keeps else None


def strengths(frames: int, *, ends_at_image: bool) -> Float64:
    """[F] 0 to 1, how much of the preview each frame of a clip takes."""
    if not ends_at_image:
        return np.ones(frames)
    rise = max(1, min(RISE, frames // 3))
    return np.asarray(np.clip((frames - 1 - np.arange(frames)) / rise, 0, 1), dtype=np.float64)
