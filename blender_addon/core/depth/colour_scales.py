"""Depth pictures in colours: which colour scale painted them, and the number behind each colour.

The scales are those that depth tools use (matplotlib's, OpenCV's), from the cold or dark end to the warm or bright one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import Float32, Float64, UInt8

STEPS = 256
"""Steps that a colour is told apart by."""
FITS = 12.0
"""Levels of 255 by which a picture's colours may lie beside a scale, in the middle of all pixels."""
GREY = 6
"""Levels by which the channels of a grey picture may differ; JPEG mixes them a little."""
MANY_COLOURS = 30_000
"""Different colours above which they are told apart in steps of 4 levels; JPEG makes them."""
LOOKED_AT = 20_000
"""Pixels at most from which the scale is told."""

_SCALES: dict[str, str] = {
    "viridis": (
        "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d"
        "2f6b8e2c728e297a8e26828e23898e21918c1f988b1fa08822a78528ae8032b67a"
        "3fbc734ec36b5ec96270cf5784d44b98d83eaddc30c2df23d8e219ece51bfde725"
    ),
    "plasma": (
        "0d08872206903105973f049c4c02a15901a56600a77201a87e03a88a09a59511a1"
        "a01a9caa2395b32c8ebc3587c43e7fcc4778d35171da5a6ae06363e66c5ceb7655"
        "f0804ef58b47f89540fba139fdac33feb82cfdc527fcd225f8df25f4ed27f0f921"
    ),
    "inferno": (
        "0000040403120b0724150b37210c4a2f0a5b3d09654a0c6b57106e64156e71196e"
        "7d1e6d8a226a972766a32c61b0315bbc3754c73e4cd24644db503be45a31eb6628"
        "f1731df68013f98e09fb9d07fcac11fbbc21f9cb35f5db4cf2ea69f3f68afcffa4"
    ),
    "magma": (
        "0000040303120a0822130d341d114729115a36106b440f7651127c5d177f6a1c81"
        "762181832681902a819c2e7faa337db73779c43c75d0416fdc4869e75263ef5d5e"
        "f56b5cf9795dfc8961fd9869fea772feb67cfec488fed395fde2a3fcf0b2fcfdbf"
    ),
    "cividis": (
        "00224e00285b002e6a0533711a386f273e6e32436d3b496c434e6c4b546c535a6d"
        "5a5f6e61656f686a716f70737676767d7c788482798c8878938e789b9476a39a74"
        "aba072b4a76fbcae6cc4b468cdbb63d5c25edec958e7d150f0d846f9e03afee838"
    ),
    "turbo": (
        "30123b392a734040a24456c7466be34680f64294ff37a8fa28bceb1ccdd818ddc2"
        "1fe9af32f2984ef97d6dfe628bff4ba4fc3cb9f635cdec34dfdf37eecf3af8be39"
        "fdac34fe962bfb7e21f46617eb500edf3f08d02f05be2102a91601920b017a0403"
    ),
    "jet": (
        "0000800000a40000c80000ed0000ff0020ff0040ff0060ff0080ff00a0ff00c0ff"
        "00e0fb16ffe130ffc749ffad63ff947dff7a97ff60b1ff46caff2ce4ff13feed00"
        "ffd000ffb200ff9400ff7700ff5900ff3b00ff1e00e80000c400009f0000800000"
    ),
    "spectral": (
        "5e4fa25061aa4273b33585bb3f97b750a9af60bba874c7a589d0a49fd8a4b3e0a2"
        "c6e89fd8ef9be8f69bf0f9a7f8fcb4fffebefff5aefeeb9dfee18dfed27ffdc372"
        "fdb365fba05bf88c51f57748ef6645e55749dc484cd0384ebe254aad12469e0142"
    ),
}
"""Equally spaced colours, six hexadecimal digits each."""


def is_grey(pixels: UInt8) -> bool:
    """Whether a picture [h, w, 3] has no colours, but for what JPEG adds."""
    spread = pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)
    return bool(np.mean(spread <= GREY) > 0.99)


def numbers_of_colours(pixels: UInt8) -> tuple[str, Float32] | None:
    """The colour scale that painted a picture, and where on it each pixel's colour stands.

    Args:
        pixels: [h, w, 3].

    Returns:
        The scale's name and [h, w] float32 numbers, 0 at its cold or dark end, 1 at its warm or bright one; NaN where
        the colour is not of the scale. None when no scale fits.
    """
    colours = pixels.reshape(-1, 3)
    some = colours[:: max(1, len(colours) // LOOKED_AT)]
    # A picture of few colours lies near many scales: what counts is how near the pixels lie in the middle.
    name, table, miss = min(
        ((name, table, float(np.median(_nearest(some, table)[1]))) for name, table in _tables().items()),
        key=lambda found: found[2],
    )
    if miss > FITS:
        return None
    where, distance = _nearest(colours, table)
    numbers = np.where(distance <= 4 * FITS, where / np.float32(STEPS - 1), np.nan)
    return name, numbers.reshape(pixels.shape[:2]).astype(np.float32)


def colour_table(name: str) -> Float64:
    """[STEPS, 3] colours of a scale, levels of 255, from its cold or dark end."""
    stops = np.frombuffer(bytes.fromhex(_SCALES[name]), np.uint8).reshape(-1, 3).astype(np.float64)
    places = np.linspace(0, len(stops) - 1, STEPS)
    return np.stack([np.interp(places, np.arange(len(stops)), channel) for channel in stops.T], axis=1)


def _tables() -> dict[str, Float64]:
    """[STEPS, 3] colours of each scale by name."""
    return {name: colour_table(name) for name in _SCALES}


def _nearest(colours: UInt8, table: Float64) -> tuple[NDArray[np.int64], Float64]:
    """For colours [N, 3] the nearest step of a table [STEPS, 3], and the distance to it in levels."""
    # A colour is looked up once instead of every pixel's 256 distances.
    used, inverse = np.unique(colours.astype(np.int64) @ np.array([65536, 256, 1]), return_inverse=True)
    centres = np.stack([used >> 16, (used >> 8) & 255, used & 255], axis=1).astype(np.float64)
    if len(used) > MANY_COLOURS:
        coarse, again = np.unique((centres.astype(np.int64) >> 2) @ np.array([4096, 64, 1]), return_inverse=True)
        centres = np.stack([coarse >> 12, (coarse >> 6) & 63, coarse & 63], axis=1) * 4.0 + 1.5
        inverse = again.reshape(-1)[inverse.reshape(-1)]
    step = np.empty(len(centres), np.int64)
    for begin in range(0, len(centres), 4096):
        part = centres[begin : begin + 4096]
        step[begin : begin + 4096] = np.argmin(((part[:, None] - table[None]) ** 2).sum(axis=2), axis=1)
    found = step[inverse.reshape(-1)]
    return found, np.linalg.norm(colours - table[found], axis=1)
