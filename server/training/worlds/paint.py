"""Worlds painted for small networks: every surface has a colour of its own, and its texture is large and grey.

Textures as the maps have them repeat every two metres: at 64 or 128 pixels across most of a picture is then fine
pattern whose place a small network cannot foretell, and little of what it sees says how the camera moved.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blender_addon.core.arrays import Float32, Float64, UInt8

from .surfaces import Surfaces

ENLARGED = 4.0
"""How many times larger a texture is than in the map: one of 64 texels covers 8 m."""
GREY_MEAN, GREY_CONTRAST = 150.0, 0.4
"""Mean sRGB value of a painted picture, and the factor on its differences from it: enough for a camera to be found."""
SATURATIONS, VALUES = (0.25, 0.9), (0.3, 1.0)
"""Of the colours, as HSV has them, drawn evenly."""
PAINT = {
    "enlarged": (ENLARGED,), "grey": (GREY_MEAN, GREY_CONTRAST), "saturations": SATURATIONS, "values": VALUES,
}  # fmt: skip
"""All numbers that decide how painted worlds look, as a set of clips records them."""


def painted_surfaces(surfaces: Surfaces) -> Surfaces:
    """The surfaces with a colour of their own each, the same every time, and enlarged textures."""
    colours = _colours(int(surfaces.surface.max()) + 1)
    return replace(
        surfaces,
        texture=surfaces.texture / ENLARGED,
        texel=surfaces.texel * ENLARGED,
        tint=colours[surfaces.surface],
    )


def painted_picture(picture: UInt8) -> UInt8:
    """A picture [H, W, 4] in grey, of a mean and contrast that let its surface's colour through."""
    grey = picture[..., :3] @ np.array([0.299, 0.587, 0.114])
    seen = picture[..., 3] > 0
    mean = float(grey[seen].mean()) if seen.any() else 0.0
    value = np.clip((grey - mean) * GREY_CONTRAST + GREY_MEAN, 0, 255).astype(np.uint8)
    return np.concatenate([np.repeat(value[..., None], 3, axis=-1), picture[..., 3:]], axis=-1)


def _colours(count: int) -> Float32:
    """[count, 3] factors on linear light."""
    hue, saturation, value = np.random.default_rng(count).random((3, count))
    saturation = SATURATIONS[0] + saturation * (SATURATIONS[1] - SATURATIONS[0])
    value = VALUES[0] + value * (VALUES[1] - VALUES[0])
    wheel = np.abs((hue[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    bright: Float64 = value[:, None] * (1 - saturation[:, None] * (1 - np.clip(wheel, 0, 1)))
    return np.asarray(bright**2.2, dtype=np.float32)
