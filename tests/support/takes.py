"""A take as a scene remembers it, for tests that make none, and where a clip's pixels lie in the artist's frame."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from blender_addon.core.camera.frame_fit import FrameFit
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.timeline.take import Take

_FIRST = Take(
    shot="shot",
    number=1,
    folder="//realcam/shot/take_001",
    folder_when_made="",
    frames=8,
    width=512,
    height=320,
    frame_start=1,
    frame_end=8,
    artist_width=640,
    artist_height=400,
    pixel_aspect=1.0,
    settings=ShotSettings(engine="draft"),
)


def remembered_take(**changes: Any) -> Take:
    """The shot's first take, of eight frames, whose files are not there and which does not tell its photo."""
    return msgspec.structs.replace(_FIRST, **changes)


def laid_back(fit: FrameFit, pixels: np.ndarray) -> np.ndarray:
    """Engine pixels [..., 2] in the artist's: scaled about the middle of the frame, which stays in the middle."""
    return (pixels - np.array(fit.engine_size) / 2) * fit.clip_scale + np.array(fit.artist_size) / 2
