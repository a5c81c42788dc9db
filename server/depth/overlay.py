"""Draw over the photo what cleaning did to its depth map."""

from __future__ import annotations

import numpy as np
from PIL import Image

from blender_addon.core.arrays import UInt8
from blender_addon.core.depth.cleaning.clean import FLYING, MOVED, OUTLIER, SKY, CleanDepth

COLOURS = {MOVED: (70, 200, 235), FLYING: (235, 70, 60), OUTLIER: (250, 210, 60), SKY: (210, 110, 235)}
"""RGB of each cleaning step, by its bit."""
STRENGTH = 0.75
"""Opacity of the colours."""


def cleaning_overlay(photo: UInt8, cleaned: CleanDepth) -> UInt8:
    """The photo in grey at the depth's size, with what each step touched in its colour.

    Args:
        photo: [H, W, 3] uint8.
        cleaned: depth [h, w] and its masks.

    Returns:
        [h, w, 3] uint8.
    """
    height, width = cleaned.depth.shape
    small = np.array(Image.fromarray(photo).convert("L").resize((width, height)), dtype=np.float64)
    picture = np.repeat(small[..., None], 3, axis=-1)
    for bit, colour in COLOURS.items():
        mask = cleaned.mask(bit)
        picture[mask] = (1 - STRENGTH) * picture[mask] + STRENGTH * np.array(colour)
    return np.asarray(picture.round(), dtype=np.uint8)
