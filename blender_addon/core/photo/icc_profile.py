"""ICC profiles as photos carry them: a curve for each channel and a matrix, or one curve for grey.

Profiles of the other kind, tables of colours as printers and scanners have them, are not understood.
"""

from __future__ import annotations

import struct

import numpy as np

from ..arrays import Float64
from .rgb_space import Curve, RgbSpace, grey_space, space_of_profile

_HEAD = 128
_TABLES = ("A2B0", "A2B1", "D2B0", "D2B1")
_CHANNELS = ("rTRC", "gTRC", "bTRC")
_PRIMARIES = ("rXYZ", "gXYZ", "bXYZ")
_POWERS = (1, 3, 4, 5, 7)
"""How many numbers each kind of parametric curve has."""
_FLAT = 1e-6
"""Determinant of primaries, at most, that span no colours: those of screens have some 0.1."""


class ProfileError(Exception):
    """A profile is not understood; the message says why, to follow its name."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name


def space_of_icc(profile: bytes, *, grey: bool) -> RgbSpace:
    """What a picture's numbers stand for by its profile.

    Args:
        profile: the whole of it.
        grey: the picture has one channel of colour.

    Raises:
        ProfileError: it is broken, of another kind than the picture, or a table of colours.
    """
    name = ""
    try:
        tags = _tags(profile)
        name = _name(tags.get("desc", b""))
        return _space(name, profile, tags, grey)
    except (struct.error, IndexError, ValueError) as error:
        raise ProfileError(name, "is broken") from error


def _space(name: str, profile: bytes, tags: dict[str, bytes], grey: bool) -> RgbSpace:
    kind, connection = profile[16:20], profile[20:24]
    if any(table in tags for table in _TABLES) or connection != b"XYZ ":
        raise ProfileError(name, "is a table of colours, which is not applied")
    if kind == b"GRAY" and grey and "kTRC" in tags:
        return grey_space(name, _lightening(_curve(tags["kTRC"])))
    if kind != b"RGB " or any(tag not in tags for tag in (*_CHANNELS, *_PRIMARIES)):
        raise ProfileError(name, "is for another kind of picture")
    red, green, blue = (_lightening(_curve(tags[tag])) for tag in _CHANNELS)
    to_xyz = np.stack([_fixed(tags[tag], 8, 3) for tag in _PRIMARIES], axis=1)
    if not abs(np.linalg.det(to_xyz)) > _FLAT:
        raise ValueError("its primaries span no colours")
    return space_of_profile(name, (red, green, blue), to_xyz)


def _tags(profile: bytes) -> dict[str, bytes]:
    if profile[36:40] != b"acsp":
        raise ValueError("no ICC profile")
    (count,) = struct.unpack_from(">I", profile, _HEAD)
    found = {}
    for entry in range(count):
        tag, start, size = struct.unpack_from(">4sII", profile, _HEAD + 4 + 12 * entry)
        found[tag.decode("latin-1")] = profile[start : start + size]
    return found


def _name(desc: bytes) -> str:
    """The profile's name: its only one, or the first of several languages."""
    if desc[:4] == b"desc":
        (length,) = struct.unpack_from(">I", desc, 8)
        return desc[12 : 12 + length].rstrip(b"\0").decode("latin-1")
    if desc[:4] == b"mluc":
        length, start = struct.unpack_from(">II", desc, 20)
        return desc[start : start + length].decode("utf-16-be", "replace").rstrip("\0")
    return ""


def _fixed(data: bytes, at: int, count: int) -> Float64:
    return np.array(struct.unpack_from(f">{count}i", data, at)) / 65536


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        return _parametric(kind, _fixed(tag, 12, _POWERS[kind]))
    (count,) = struct.unpack_from(">I", tag, 8)
    if tag[:4] != b"curv":
        raise ValueError("no curve")
    if count == 0:
        return lambda stored: stored
    numbers = np.array(struct.unpack_from(f">{count}H", tag, 12))
    if count == 1:
        return lambda stored: stored ** (numbers[0] / 256)
    return lambda stored: np.interp(stored, np.linspace(0, 1, count), numbers / 65535)


def _lightening(curve: Curve) -> Curve:
    """The curve, which must be one from dark to light.

    Raises:
        ValueError: it is none, and would make every colour the same.
    """
    with np.errstate(all="ignore"):
        light = np.asarray(curve(np.linspace(0, 1, 256)))
    if not np.isfinite(light).all() or not light[-1] > light[0]:
        raise ValueError("no curve from dark to light")
    return curve


def _parametric(kind: int, numbers: Float64) -> Curve:
    """ICC's five curves: (a x + b)^g + e from x = d on, and c x + f below."""
    g, a, b, c, d, e, f = 1.0, 1.0, 0.0, 0.0, -np.inf, 0.0, 0.0
    if kind == 0:
        (g,) = numbers
    elif kind in (1, 2):
        g, a, b = numbers[:3]
        if a == 0:
            raise ValueError("a curve without a slope")
        d = -b / a
        e = f = numbers[3] if kind == 2 else 0.0
    else:
        g, a, b, c, d = numbers[:5]
        e, f = numbers[5:] if kind == 4 else (0.0, 0.0)
    return lambda x: np.clip(np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f), 0, 1)
