"""Fill what is unknown in a picture from what is known around it, smoothly, softer with distance.

Pull-push (Gortler et al., The Lumigraph, SIGGRAPH 1996): average what is known down a pyramid, then let each level
fill its gaps from the coarser one. Values come only from weighted pixels, so whatever has no weight never bleeds in.
"""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float32

SATURATION = 1.0
"""Weight at which a cell of the pyramid counts as known and takes nothing from the coarser level."""


def pull_push(values: Float32, weight: Float32) -> Float32:
    """The values where they are known, filled in smoothly where they are not.

    Args:
        values: [H, W, C] float32; what stands where the weight is 0 is ignored.
        weight: [H, W] float32, 0 (unknown) to 1 (known).

    Returns:
        [H, W, C] float32: `values` where the weight is 1, elsewhere what the weighted pixels around suggest; 0
        everywhere if no pixel has any weight.
    """
    height, width = weight.shape
    pyramid = [(values * weight[..., None], weight)]
    while max(pyramid[-1][1].shape) > 1:
        pyramid.append(_pull(*pyramid[-1]))
    summed, total = pyramid[-1]
    filled = summed / np.maximum(total, 1e-12)[..., None]
    for summed, total in reversed(pyramid[:-1]):
        coarse = _enlarged(filled, total.shape)
        own = np.minimum(total, SATURATION)[..., None]
        filled = own * (summed / np.maximum(total, 1e-12)[..., None]) + (1 - own) * coarse
    return np.asarray(filled[:height, :width], dtype=np.float32)


def soft_levels(picture: Float32, level: Float32) -> Float32:
    """The picture blurred more or less from pixel to pixel.

    Args:
        picture: [H, W, C].
        level: [H, W] how often the blur's width doubles, from 0 (sharp); no more than the picture has levels.
    """
    result = picture * np.maximum(1 - level, 0)[..., None]
    coarse, shapes = picture, []
    for number in range(1, int(np.ceil(np.log2(max(picture.shape[:2])))) + 1):
        shapes.append(coarse.shape[:2])
        weight = np.ones((*coarse.shape[:2], 1), np.float32)
        coarse = _tent(coarse) / _tent(weight)
        last = min(coarse.shape[:2]) <= 2
        share = np.clip(level - number + 1, 0, 1) if last else np.maximum(1 - np.abs(level - number), 0)
        if share.any():
            enlarged = coarse
            for shape in reversed(shapes):
                enlarged = _enlarged(enlarged, shape)
            result += enlarged * share[..., None]
        if last:
            break
    return np.asarray(result, dtype=np.float32)


def _pull(summed: Float32, weight: Float32) -> tuple[Float32, Float32]:
    """One level coarser, [ceil(H / 2), ceil(W / 2)]: sums over a 4 x 4 tent around each 2 x 2 block.

    Weights saturate at 1.

    Args:
        summed: values times weight, [H, W, C].
        weight: [H, W].
    """
    total = _tent(weight[..., None])
    colour = _tent(summed)
    clamped = np.minimum(total, SATURATION)
    return np.asarray(colour * (clamped / np.maximum(total, 1e-12)), np.float32), np.asarray(
        clamped[..., 0], np.float32
    )


def _tent(picture: Float32) -> Float32:
    """[H, W, C] to [ceil(H / 2), ceil(W / 2), C] with the kernel (1 3 3 1) x (1 3 3 1) / 16."""
    for axis in (0, 1):
        size = picture.shape[axis]
        widths = [(0, 0)] * 3
        widths[axis] = (1, 1 + size % 2)
        padded = np.moveaxis(np.pad(picture, widths), axis, 0)
        count = (size + 1) // 2
        outer = padded[0 : 2 * count : 2] + padded[3 : 3 + 2 * count : 2]
        inner = padded[1 : 1 + 2 * count : 2] + padded[2 : 2 + 2 * count : 2]
        picture = np.moveaxis((outer + 3 * inner) / 4, 0, axis)
    return np.asarray(picture, dtype=np.float32)


def _enlarged(picture: Float32, shape: tuple[int, ...]) -> Float32:
    """The picture [h, w, C] twice as large, bilinear, cut to `shape` (H, W)."""
    for axis in (0, 1):
        widths = [(0, 0)] * 3
        widths[axis] = (1, 1)
        padded = np.moveaxis(np.pad(picture, widths, mode="edge"), axis, 0)
        even = 0.25 * padded[:-2] + 0.75 * padded[1:-1]
        odd = 0.75 * padded[1:-1] + 0.25 * padded[2:]
        both = np.stack([even, odd], axis=1).reshape(-1, *padded.shape[1:])
        picture = np.moveaxis(both[: shape[axis]], 0, axis)
    return np.asarray(picture, dtype=np.float32)
