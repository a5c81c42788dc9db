"""Colours of other spaces than sRGB, as sRGB: a curve for each channel, then one matrix on light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..arrays import Float64, UInt8, UInt16

Curve: TypeAlias = Callable[[Float64], Float64]
"""Stored numbers to light, both 0 to 1."""
Chromaticities: TypeAlias = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""(x, y) of red, green, blue and white."""

D65 = (0.3127, 0.3290)
SRGB_PRIMARIES: Chromaticities = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
P3_PRIMARIES: Chromaticities = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65)
REC2020_PRIMARIES: Chromaticities = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65)
ADOBE_PRIMARIES: Chromaticities = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)

_D50 = np.array([0.9642, 1.0, 0.8249])
"""White of ICC's profiles, XYZ."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

_KEPT = 2
"""Steps of 255 by which a space may differ from sRGB and still be one of the many that are called so."""
_STEPS = np.array([0, 32, 64, 96, 128, 160, 192, 224, 255], np.uint8)
_PROBE = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS), axis=-1).reshape(1, -1, 3)

_ROWS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class RgbSpace:
    """What a picture's red, green and blue stand for.

    Attributes:
        name: for people.
        curves: of red, green and blue.
        to_srgb: [3, 3], from light in this space to light in sRGB's.
    """

    name: str
    curves: tuple[Curve, Curve, Curve]
    to_srgb: Float64

    def srgb(self, numbers: UInt8 | UInt16) -> UInt8:
        """A picture's colours in sRGB; those outside of it are brought to its edge, channel by channel.

        Args:
            numbers: [h, w, 3], of 8 or 16 bits.

        Returns:
            [h, w, 3].
        """
        most = np.iinfo(numbers.dtype).max
        stored = np.arange(most + 1) / most
        light = [np.asarray(curve(stored), np.float32) for curve in self.curves]
        matrix = self.to_srgb.T.astype(np.float32)
        result = np.empty(numbers.shape, np.uint8)
        # Piece by piece: of a large photo each intermediate result would take gigabytes.
        for start in range(0, len(numbers), _ROWS_AT_ONCE):
            piece = numbers[start : start + _ROWS_AT_ONCE]
            shown = np.stack([light[i][piece[..., i]] for i in range(3)], axis=-1) @ matrix
            at = np.rint(np.clip(shown, 0, 1) * (len(_ENCODED) - 1)).astype(np.uint16)
            result[start : start + _ROWS_AT_ONCE] = _ENCODED[at]
        return result

    def is_srgb(self) -> bool:
        """Whether its colours are sRGB's, but for rounding."""
        return int(np.abs(self.srgb(_PROBE).astype(int) - _PROBE).max()) <= _KEPT


def space_of(name: str, chromaticities: Chromaticities, curve: Curve) -> RgbSpace:
    """The space of three primaries and a white, with one curve for all channels."""
    to_d65 = _adapted(_xyz(chromaticities[3]), _xyz(D65))
    return RgbSpace(name, (curve, curve, curve), _XYZ_TO_SRGB @ to_d65 @ _to_xyz(chromaticities))


def space_of_profile(name: str, curves: tuple[Curve, Curve, Curve], to_xyz: Float64) -> RgbSpace:
    """The space of an ICC profile.

    Args:
        name: for people.
        curves: of red, green and blue.
        to_xyz: [3, 3], from its light to XYZ with the profiles' white.
    """
    return RgbSpace(name, curves, _XYZ_TO_SRGB @ _adapted(_D50, _xyz(D65)) @ to_xyz)


def grey_space(name: str, curve: Curve) -> RgbSpace:
    """The space of a picture in grey, whose three channels are one."""
    return RgbSpace(name, (curve, curve, curve), np.eye(3))


def srgb_curve(stored: Float64) -> Float64:
    """SRGB's curve."""
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def gamma_curve(exponent: float) -> Curve:
    """The curve of a power."""
    return lambda stored: stored**exponent


def _xyz(xy: tuple[float, float]) -> Float64:
    """[3] XYZ of a chromaticity, Y = 1."""
    x, y = xy
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _to_xyz(chromaticities: Chromaticities) -> Float64:
    """[3, 3] from light of three primaries to XYZ with their own white."""
    *primaries, white = map(_xyz, chromaticities)
    columns = np.stack(primaries, axis=1)
    return np.asarray(columns * np.linalg.solve(columns, white))


def _adapted(source: Float64, target: Float64) -> Float64:
    """[3, 3] that brings XYZ from one white to another, by Bradford's method."""
    scale = (_BRADFORD @ target) / (_BRADFORD @ source)
    return np.linalg.solve(_BRADFORD, scale[:, None] * _BRADFORD)


_XYZ_TO_SRGB = np.linalg.inv(_to_xyz(SRGB_PRIMARIES))


def _encoded() -> UInt8:
    """SRGB's 8 bits of evenly spaced light: 65536 steps, the widest of which is a twentieth of one of 255."""
    light = np.arange(65536) / 65535
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(coded * 255), dtype=np.uint8)


_ENCODED = _encoded()
