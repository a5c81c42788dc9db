"""How much of the preview each pixel of a frame takes: none where it is not visible, all of it beyond the feather."""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Bool, UInt8

NARROW = 2
"""Pixels of the feather at the outline of what stands in front of a hole."""
BROAD_SHARE = 1 / 40
"""The feather elsewhere, as a share of the frame's shorter side: 12 pixels of 480."""
THIN = 3
"""Half the width, pixels, of a hole that is no more than a crack or a speck: its border is narrow like an outline's."""
WHOLE = 255
"""The weight of a pixel that is the preview's alone."""


def broad_feather(width: int, height: int) -> int:
    """Pixels of the feather where a surface goes on beyond what is visible of it."""
    return max(NARROW, round(min(width, height) * BROAD_SHARE))


def feather(visible: Bool, outlines: Bool | None, broad: int, narrow: int = NARROW) -> UInt8:
    """The preview's weight at each pixel, [H, W] uint8, 0 to 255.

    It falls off inwards from the border of what is visible, over `narrow` pixels from outlines, cracks and specks, and
    over `broad` pixels from the rest. Pixels are counted along ways through what is visible, in steps to the four
    neighbours and to the eight by turns, so that no border acts across a hole. The frame's own border is none.

    Args:
        visible: [H, W] where the preview shows the photo.
        outlines: [H, W] the places where a surface ends in front of what lies behind it; None for nowhere.
        broad: pixels over which a surface fades out that goes on beyond its border.
        narrow: pixels over which a surface fades out at its outline.
    """
    if visible.all():
        return np.full(visible.shape, WHOLE, np.uint8)
    rim = visible & grown(~visible, corners=True)
    open_rim = rim & grown(_wide(~visible), corners=True)
    if outlines is not None:
        open_rim &= ~outlines
    weight = fade(broad).take(_steps_from(open_rim, visible, broad))
    np.minimum(weight, fade(narrow).take(_steps_from(rim, visible, narrow)), out=weight)
    weight[~visible] = 0
    return weight


def fade(pixels: int) -> UInt8:
    """[pixels + 2] uint8, the weight so many steps from a pixel that is not visible: smooth, and whole at the last."""
    share = np.arange(pixels + 2) / (pixels + 1)
    return np.round(WHOLE * share**2 * (3 - 2 * share)).astype(np.uint8)


def steepest(pixels: int) -> float:
    """The largest difference of weight between neighbours in a feather of so many pixels, in 0..1."""
    return float(np.diff(fade(pixels).astype(np.float64)).max() / WHOLE)


def _steps_from(rim: Bool, visible: Bool, most: int) -> UInt8:
    """[H, W] uint8 steps to a pixel beyond the rim through visible ones: 1 on the rim, most + 1 from there on."""
    steps = np.full(visible.shape, most + 1, np.uint8)
    reached = rim
    for count in range(1, most + 1):
        # A pixel that is reached with the k-th step loses one with each from that on, and keeps k.
        steps -= reached
        reached = grown(reached, corners=count % 2 == 0)
        reached &= visible
    return steps


def _wide(holes: Bool) -> Bool:
    """The holes [H, W] without their parts that are not wider than THIN pixels on both sides."""
    core = holes
    for _ in range(THIN):
        core = ~grown(~core, corners=True)
    for _ in range(THIN):
        core = grown(core, corners=True)
    return core & holes


def grown(mask: Bool, *, corners: bool) -> Bool:
    """The mask with its pixels' four neighbours, or with all eight."""
    across = mask.copy()
    across[:, 1:] |= mask[:, :-1]
    across[:, :-1] |= mask[:, 1:]
    source = across if corners else mask
    grown = across.copy() if corners else across
    grown[1:] |= source[:-1]
    grown[:-1] |= source[1:]
    return grown
