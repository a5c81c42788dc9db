"""A preview with its holes filled, to be encoded: a hole's grey or black would spread into the latents beside it.

RealCam's own sampler takes the nearest seen pixel (model/sampling/scene_mask.py), which its clips' numbers rest on.
"""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Bool, Float32, UInt8

GREY = 128
"""A frame in which nothing is seen."""


def filled(frames: UInt8, known: Bool) -> UInt8:
    """The frames with every unknown pixel given the mean colour of the smallest block around it that has a known one.

    Blocks are 2, 4, 8, ... pixels wide, so that beside a seen pixel the colour is that of its nearest neighbours. It is
    what a network should encode next to what is seen, not a picture to be looked at.

    Args:
        frames: [F, H, W, 3] uint8.
        known: [F, H, W].

    Returns:
        [F, H, W, 3] uint8, where it is known as it was.
    """
    result = frames.copy()
    for index, mask in enumerate(known):
        if not mask.all():
            result[index] = _filled_frame(frames[index], mask) if mask.any() else GREY
    return result


def _filled_frame(frame: UInt8, known: Bool) -> UInt8:
    weight = known.astype(np.float32)[..., None]
    levels = [(frame * weight, weight)]
    while not levels[-1][1].all():
        levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
    total, count = levels.pop()
    colour = total / count
    for total, count in reversed(levels[1:]):
        finer = total / np.maximum(count, 1)
        rows, columns = np.nonzero(count[..., 0] == 0)
        finer[rows, columns] = colour[rows // 2, columns // 2]
        colour = finer
    result = frame.copy()
    rows, columns = np.nonzero(~known)
    result[rows, columns] = np.rint(colour[rows // 2, columns // 2])
    return result


def _halved(values: Float32) -> Float32:
    """Sums over blocks of 2 x 2, [ceil(H / 2), ceil(W / 2), C]."""
    height, width = values.shape[:2]
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    rows = even[0::2] + even[1::2]
    return np.asarray(rows[:, 0::2] + rows[:, 1::2], dtype=np.float32)
