"""Pictures resized to cover the network's size and cropped in the middle, and the intrinsics that go with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from blender_addon.core.arrays import Float64, UInt8


@dataclass(frozen=True)
class Crop:
    """A picture resized, then cropped; sizes are (width, height) in pixels.

    Attributes:
        source: of the picture.
        resized: before the crop.
        size: of the crop.
    """

    source: tuple[int, int]
    resized: tuple[int, int]
    size: tuple[int, int]

    @property
    def left_top(self) -> tuple[int, int]:
        """The crop's first column and row in the resized picture."""
        return (self.resized[0] - self.size[0]) // 2, (self.resized[1] - self.size[1]) // 2


def covering_crop(source: tuple[int, int], size: tuple[int, int]) -> Crop:
    """The crop of a picture that covers the wanted size and keeps its shape; the other side is cut to an integer.

    Args:
        source: (width, height) of the picture, pixels.
        size: (width, height) that the network takes.
    """
    (source_width, source_height), (width, height) = source, size
    if source_width / source_height > width / height:
        return Crop(source, (int(source_width * height / source_height), height), size)
    return Crop(source, (width, int(source_height * width / source_width)), size)


def cropped_video(frames: UInt8, crop: Crop) -> Tensor:
    """The frames as the network takes them: resized with antialiasing, without rounding in between.

    Args:
        frames: [F, H, W, 3] uint8 sRGB.
        crop: of them.

    Returns:
        [3, F, h, w] float32 in [-1, 1].
    """
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    width, height = crop.resized
    resized = functional.interpolate(pixels, (height, width), mode="bilinear", align_corners=False, antialias=True)
    left, top = crop.left_top
    cut = resized[:, :, top : top + crop.size[1], left : left + crop.size[0]]
    return ((cut / 255.0 - 0.5) * 2.0).permute(1, 0, 2, 3).contiguous()


def cropped_intrinsics(intrinsics: Float64, crop: Crop, published: bool = False) -> Float64:
    """The intrinsics of the cropped pictures.

    Args:
        intrinsics: [..., 3, 3] in pixels of the source.
        crop: of the pictures.
        published: put the principal point where the published data set does, at its share of the crop's size: right
            only where it is in the middle.

    Returns:
        [..., 3, 3] in pixels of the crop.
    """
    scale = np.divide(crop.resized, crop.source)
    result = np.array(intrinsics, dtype=np.float64)
    for axis in (0, 1):
        result[..., axis, axis] *= scale[axis]
        result[..., axis, 1 - axis] *= scale[axis]
        if published:
            result[..., axis, 2] *= crop.size[axis] / crop.source[axis]
        else:
            result[..., axis, 2] = result[..., axis, 2] * scale[axis] - crop.left_top[axis]
    return result
