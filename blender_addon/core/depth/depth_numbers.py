"""Stored numbers as depth in metres: of a unit, of disparity, of relative depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Float32, Float64
from ..errors import PhotoError
from .calibration.depth_law import Numbers
from .depth_format import DepthFormat

INTEGER_SCALE = 0.001
"""Metres for each unit of a file of whole numbers, when no scale is given: millimetres are what most tools write."""

FARTHEST_DEPTH = 1e6
"""Metres from which a depth counts as unknown. Renderers write 1e10 where they hit nothing."""


def to_metres(stored: NDArray[Any], depth_format: DepthFormat, *, whole_numbers: bool) -> Float32:
    """Stored numbers as depth in metres.

    Args:
        stored: [h, w], any number type.
        depth_format: what the numbers mean.
        whole_numbers: whether the file holds integers: then 0 is unknown, but in relative depth, and the default scale
            is INTEGER_SCALE.

    Returns:
        [h, w] float32 metres along z, NaN where unknown or from FARTHEST_DEPTH on.

    Raises:
        PhotoError: the scale is not positive, disparity lacks its focal length or baseline, or relative depth its
            nearest and farthest distance.
    """
    if depth_format.rotated and whole_numbers:
        stored = _rotated_back(stored, depth_format.rotated)
    values = stored.astype(np.float64)
    unknown = ~np.isfinite(values)
    if whole_numbers and depth_format.kind != "relative":
        unknown |= values == 0
    if depth_format.unknown is not None:
        unknown |= values == depth_format.unknown
    values[unknown] = np.nan
    if depth_format.kind == "disparity":
        values = _from_disparity(values, depth_format)
    elif depth_format.kind == "relative":
        values = _from_relative(values, depth_format)
    else:
        scale = depth_format.scale if depth_format.scale is not None else INTEGER_SCALE if whole_numbers else 1.0
        if not np.isfinite(scale) or scale <= 0:
            raise PhotoError("The depth scale is not a positive number", f"{scale:g} metres a unit")
        values = values * scale
    values[np.abs(values) >= FARTHEST_DEPTH] = np.nan
    return values.astype(np.float32)


def numbers_read(depth_format: DepthFormat) -> Numbers:
    """What the metres of `to_metres` are to a calibration: metres, or by the guess of a nearest and a farthest thing
    relative depth, evenly with the stored numbers or with one over them."""
    if depth_format.kind != "relative":
        return "metric"
    return "reciprocal" if depth_format.near == "bright" else "relative"


def _rotated_back(stored: NDArray[Any], bits: int) -> NDArray[np.int64]:
    numbers = stored.astype(np.int64) & 0xFFFF
    return np.asarray((numbers >> bits) | ((numbers << (16 - bits)) & 0xFFFF))


def _from_disparity(values: Float64, depth_format: DepthFormat) -> Float64:
    if not depth_format.focal > 0 or not depth_format.baseline > 0:
        raise PhotoError(
            "Disparity alone is not depth",
            f"focal length {depth_format.focal:g} px, baseline {depth_format.baseline:g} m",
            "Give both; they stand in the stereo camera's calibration.",
        )
    pixels = values * (depth_format.scale if depth_format.scale is not None else 1.0) + depth_format.doffs
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = depth_format.focal * depth_format.baseline / pixels
        return np.where(pixels > 0, depth, np.nan)


def _from_relative(values: Float64, depth_format: DepthFormat) -> Float64:
    """Metres of relative depth, whose lowest and highest number are the nearest and the farthest thing.

    Where near is bright the numbers grow with the inverse of the distance, as networks for relative depth give them;
    where near is dark they grow with the distance itself, as a depth pass that was brought to a range.
    """
    nearest, farthest = depth_format.nearest, depth_format.farthest
    if not 0 < nearest < farthest < FARTHEST_DEPTH:
        raise PhotoError(
            "Relative depth alone has no metres",
            f"nearest {nearest:g} m, farthest {farthest:g} m",
            "Give the distance of the nearest and of the farthest thing in the photo, the second the larger.",
        )
    known = values[np.isfinite(values)]
    if known.size == 0 or known.min() == known.max():
        raise PhotoError("The depth picture is empty", f"{known.size} pixels, all with the same number")
    share = (values - known.min()) / (known.max() - known.min())
    if depth_format.near == "bright":
        return np.asarray(1 / (1 / farthest + share * (1 / nearest - 1 / farthest)))
    return np.asarray(nearest + share * (farthest - nearest))
