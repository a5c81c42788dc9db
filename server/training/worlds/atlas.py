"""All pictures of a world with their mip levels in one array, and samples of them, filtered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.arrays import Float32, Float64, UInt8

LEVELS = 7
"""Mip levels of a picture: the last one has a 64th of its width."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """Pictures and their mip levels, in linear light.

    Attributes:
        texels: [N, 4] float32, linear light 0..1, the fourth unused: rows of 16 bytes are gathered faster.
        first: [M, LEVELS] index of the first texel of each picture's levels.
        width, height: [M, LEVELS] texels.
    """

    texels: Float32
    first: NDArray[np.int64]
    width: NDArray[np.int64]
    height: NDArray[np.int64]

    def sample(self, picture: NDArray[np.int64], at: Float64, footprint: Float64) -> Float32:
        """Filtered colours: bilinear in the mip level whose texel is nearest to the footprint; pictures repeat.

        Args:
            picture: [S] which one.
            at: [S, 2] texel coordinates (u, v) of level 0; the centre of the first texel is (0.5, 0.5).
            footprint: [S] texels of level 0 that the sample should cover.

        Returns:
            [S, 3] float32, linear light.
        """
        level = np.clip(np.rint(np.log2(np.maximum(footprint, 1e-6))), 0, LEVELS - 1).astype(np.int64)
        flat = picture * LEVELS + level
        first, width, height = self.first.ravel()[flat], self.width.ravel()[flat], self.height.ravel()[flat]
        u = at[:, 0] * self.shrunk[0].ravel()[flat] - 0.5
        v = at[:, 1] * self.shrunk[1].ravel()[flat] - 0.5
        left, top = np.floor(u), np.floor(v)
        x, y = (u - left).astype(np.float32)[:, None], (v - top).astype(np.float32)[:, None]
        x0, y0 = left.astype(np.int64) % width, top.astype(np.int64) % height
        x1, y1 = x0 + 1, y0 + 1
        x1[x1 == width], y1[y1 == height] = 0, 0
        row0, row1 = first + y0 * width, first + y1 * width
        upper, right = self.texels[row0 + x0], self.texels[row0 + x1]
        upper += (right - upper) * x
        lower, right = self.texels[row1 + x0], self.texels[row1 + x1]
        lower += (right - lower) * x
        upper += (lower - upper) * y
        return np.asarray(upper[:, :3], dtype=np.float32)

    @cached_property
    def shrunk(self) -> tuple[Float64, Float64]:
        """Texels of each level for one of level 0: [M, LEVELS] across and down."""
        return self.width / self.width[:, :1], self.height / self.height[:, :1]


def atlas_of(pictures: Sequence[UInt8]) -> Atlas:
    """The atlas of pictures [H, W, 4] uint8 sRGB; where one is transparent it takes its own mean colour."""
    texels, first, sizes, place = [], [], [], 0
    for picture in pictures:
        linear = to_linear(_opaque(picture))
        places, levels = [], []
        for level in range(LEVELS):
            small = _reduced(linear, level)
            height, width = small.shape[:2]
            texels.append(np.concatenate([small, np.ones((height, width, 1), np.float32)], axis=-1).reshape(-1, 4))
            places.append(place)
            levels.append((width, height))
            place += width * height
        first.append(places)
        sizes.append(levels)
    size = np.array(sizes, dtype=np.int64)
    return Atlas(np.concatenate(texels), np.array(first, dtype=np.int64), size[..., 0], size[..., 1])


def to_linear(picture: UInt8) -> Float32:
    """sRGB uint8 as linear light 0..1."""
    value = np.arange(256) / 255
    table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(table[picture])


def to_srgb(linear: Float32) -> UInt8:
    """Linear light as sRGB uint8; what is above 1 is cut off."""
    value = np.clip(linear, 0, 1)
    encoded = np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(encoded * 255), dtype=np.uint8)


def _opaque(picture: UInt8) -> UInt8:
    seen = picture[..., 3] > 0
    colours = picture[..., :3].copy()
    if seen.any() and not seen.all():
        colours[~seen] = np.rint(colours[seen].mean(axis=0)).astype(np.uint8)
    return colours


def _reduced(linear: Float32, level: int) -> Float32:
    """A picture at half the size, `level` times over; each texel the mean of those it covers."""
    height, width = linear.shape[:2]
    size = (max(width >> level, 1), max(height >> level, 1))
    channels = [Image.fromarray(linear[..., i]).resize(size, Image.Resampling.BOX) for i in range(3)]
    return np.stack([np.asarray(channel, dtype=np.float32) for channel in channels], axis=-1)
