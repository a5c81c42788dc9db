"""How far an engine's picture had drifted from the photo where the photo is visible."""

from __future__ import annotations

import msgspec


class SeenDrift(msgspec.Struct, frozen=True, kw_only=True):
    """What a clip differed by from the preview on visible pixels, before these were laid back.

    Attributes:
        difference: the mean absolute difference over all channels and frames, of 255.
        psnr: peak signal-to-noise ratio of all these pixels together, dB.
        frames: the mean absolute difference in each frame; None where nothing of the photo is visible, or the frame
            gives way to a last image.
    """

    difference: float
    psnr: float
    frames: list[float | None]
