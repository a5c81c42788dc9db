"""A clip's colours brought to the preview's: mean and spread of the pixels that both show, held steady in time."""

from __future__ import annotations

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float64, UInt8

CELL = 8
"""Pixels along a side of the cells that are compared: their means do not tell a sharp picture from a soft one."""
STEADY = 3.0
"""Standard deviation, frames, of the Gaussian over which the statistics are pooled."""
ENOUGH = 0.01
"""The share of a frame that must be visible, in all frames pooled, for half of the correction."""
NOISE = 2.0
"""Spread, of 255, that is added to both: what is flatter than this has no contrast to correct."""
WEAKEST, STRONGEST = 0.67, 1.5
"""Limits of the gain."""


def frame_sums(frame: UInt8, preview: UInt8, visible: UInt8) -> Float64:
    """[13] of one frame: the share of its cells that are visible whole, and of these four sums of each channel.

    The sums are the clip's values, the preview's, and the squares of their deviations from their means in this frame,
    all divided by the number of all cells.

    Args:
        frame: [H, W, 3] of the clip.
        preview: [H, W, 3].
        visible: [H, W] uint8, 255 where the preview shows the photo, else 0.
    """
    whole = np.asarray(Image.fromarray(visible).reduce(CELL)) == 255
    if not whole.any():
        return np.zeros(13)
    ours, theirs = (
        np.asarray(Image.fromarray(picture).reduce(CELL))[whole].astype(np.float64) for picture in (frame, preview)
    )
    deviations = [((values - values.mean(0)) ** 2).sum(0) for values in (ours, theirs)]
    sums = np.concatenate([[len(ours)], ours.sum(0), theirs.sum(0), *deviations])
    return np.asarray(sums / whole.size, dtype=np.float64)


def colour_tables(sums: Float64, steady: float = STEADY) -> UInt8:
    """What each value of each frame's channels becomes, [F, 3, 256] uint8.

    A frame that shows too little of the photo to tell takes its neighbours' correction, and a clip that shows nothing
    of it stays as it is.

    Args:
        sums: [F, 13] see `frame_sums`.
        steady: frames, see STEADY.
    """
    frames = np.arange(len(sums))
    near = np.exp(-0.5 * ((frames[:, None] - frames) / steady) ** 2)
    pooled = (near / near.sum(axis=1, keepdims=True)) @ sums
    cells = np.maximum(pooled[:, :1], 1e-12)
    clip, preview, clip_variance, preview_variance = (pooled[:, at : at + 3] / cells for at in (1, 4, 7, 10))
    ratio = np.sqrt((preview_variance + NOISE**2) / (clip_variance + NOISE**2))
    trust = pooled[:, :1] / (pooled[:, :1] + ENOUGH)
    gain = np.clip(ratio, WEAKEST, STRONGEST) ** trust
    values = np.arange(256)
    moved = gain[..., None] * (values - clip[..., None]) + (clip + trust * (preview - clip))[..., None]
    return np.asarray(np.clip(np.round(moved), 0, 255), dtype=np.uint8)
