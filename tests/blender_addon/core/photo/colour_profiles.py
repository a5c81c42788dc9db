"""ICC profiles and PNG's marks of colour, made by hand: Pillow makes an sRGB profile only."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from zlib import crc32

import numpy as np

P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""Published primaries: XYZ of red, green and blue, with the profiles' white."""


def _fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def power(exponent: float) -> bytes:
    """A curve of one power, in 8 bits behind the point."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))


def table(numbers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    """A curve of light, 0 to 1, at evenly spaced numbers."""
    coded = [round(number * 65535) for number in numbers]
    return b"curv\0\0\0\0" + struct.pack(f">I{len(coded)}H", len(coded), *coded)


def parametric(kind: int, *numbers: float) -> bytes:
    """One of ICC's five curves by its numbers."""
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(*numbers)


SRGB_CURVE = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""As Apple writes it."""


def icc_profile(
    name: str, primaries: Sequence[Sequence[float]], curve: bytes, *, kind: bytes = b"RGB ", also: bytes = b""
) -> bytes:
    """A profile of a screen.

    Args:
        name: for people.
        primaries: XYZ of red, green and blue.
        curve: of all channels, and of grey.
        kind: the colours that it is for.
        also: another tag, which holds nothing.
    """
    text = name.encode("utf-16-be")
    tags = {
        b"desc": b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text,
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249),
    }
    if kind == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        for channel, xyz in zip((b"r", b"g", b"b"), primaries, strict=True):
            tags[channel + b"XYZ"] = b"XYZ \0\0\0\0" + _fixed(*xyz)
            tags[channel + b"TRC"] = curve
    if also:
        tags[also] = bytes(32)
    at = 128 + 4 + 12 * len(tags)
    entries, content = b"", b""
    for tag, data in tags.items():
        entries += struct.pack(">4sII", tag, at + len(content), len(data))
        content += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(content), b"lcms", 0x04300000, b"mntr", kind, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + content


DISPLAY_P3 = icc_profile("Display P3", P3, SRGB_CURVE)


def png_with(png: bytes, name: bytes, content: bytes) -> bytes:
    """A PNG with another chunk behind its header."""
    chunk = struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc32(name + content))
    return png[:33] + chunk + png[33:]
