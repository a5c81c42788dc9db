"""The fit that a photo's calibration fields make, fast enough for a panel's draw."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...core.arrays import Float64, Floats
from ...core.depth.calibration.depth_law import Gives, Numbers
from ...core.depth.calibration.fit import DepthFit, fit_depth
from ...core.depth.calibration.fit_words import fit_words, limit_words
from ...core.depth.calibration.known_points import (
    KnownPoints,
    along_z,
    check_distances,
    ends_of,
    floor_depths,
    number_at,
    ray_lengths,
)
from ...core.depth.layout.ground_plane import down_vector, horizon_of
from ...core.errors import PhotoError
from ...scene import PhotoScene
from ...scene.handmade.depth_calibration import down_in_photo
from .calibration_fields import QUANTILES, calibration_of


def live_fit(photo: PhotoScene) -> DepthFit:
    """The fit to the points of a photo, by what the fields keep of its depth.

    Raises:
        PhotoError: They cannot be fitted.
    """
    fields = calibration_of(photo.mesh)
    spread = np.array(fields.spread, dtype=np.float64)
    points = _points(photo, spread)
    known = (tuple(points.numbers.tolist()), tuple(points.metres.tolist()))
    return _kept_fit(*known, photo.record.numbers, tuple(spread.tolist()), _gives(fields))


def exact_fit(photo: PhotoScene, imported: Float64) -> DepthFit:
    """The fit to the points of a photo, each read anew from its imported depth.

    Args:
        photo: The photo.
        imported: [R, C] metres as imported, NaN where unknown.

    Raises:
        PhotoError: They cannot be fitted.
    """
    fields = calibration_of(photo.mesh)
    for point in (*fields.points, *fields.floor):
        point.imported = number_at(imported, point.across, point.down)
    remember_spread(fields, imported)
    return fit_depth(_points(photo, imported), photo.record.numbers, imported, _gives(fields))


def remember_spread(fields: Any, imported: Float64) -> None:
    """Keep what the live fit needs of the photo's whole depth."""
    known = imported[np.isfinite(imported)]
    if known.size:
        fields.spread = np.percentile(known, np.linspace(0, 100, QUANTILES)).tolist()


def horizon(photo: PhotoScene) -> tuple[float, float] | None:
    """Where the horizon that the floor is fitted by meets the photo's left and right edge: 0 its top, 1 its bottom.

    None where the photo has none: its camera looks straight down, or lies on its side.
    """
    try:
        return horizon_of(_down(photo, calibration_of(photo.mesh)), photo.intrinsics, photo.photo_size)
    except PhotoError:
        return None


def distance_now(photo: PhotoScene, across: float, down: float, depth: float) -> float:
    """How far a place in the photo is in the scene now, as the fields count distances.

    Args:
        photo: The photo.
        across: 0 at its left edge, 1 at its right one.
        down: 0 at its top, 1 at its bottom.
        depth: Metres along z.
    """
    if calibration_of(photo.mesh).along == "z":
        return depth
    return depth * float(ray_lengths(_pixels(photo, [(across, down)]), photo.intrinsics)[0])


def told(fit: DepthFit, way: str) -> tuple[str, str]:
    """How well the points fit, and what of the photo the fit cannot place; "" where there is nothing to say."""
    first = "" if way == "RANGE" else fit_words(fit, "floor points" if way == "GROUND" else "points")
    return first, limit_words(fit)


@lru_cache(maxsize=4)
def _kept_fit(
    numbers: tuple[float, ...], metres: tuple[float, ...], kind: Numbers, spread: tuple[float, ...], gives: Gives | None
) -> DepthFit:
    """The fit, kept until something changes: a panel is drawn at each move of the mouse."""
    return fit_depth(KnownPoints(np.array(numbers), np.array(metres)), kind, np.array(spread), gives)


def _gives(fields: Any) -> Gives | None:
    return None if fields.numbers == "AUTO" else fields.numbers


def _points(photo: PhotoScene, picture: Floats) -> KnownPoints:
    fields = calibration_of(photo.mesh)
    if fields.way == "POINTS":
        return _known_points(photo, fields)
    if fields.way == "GROUND":
        return _floor_points(photo, fields)
    return ends_of(picture, fields.nearest, fields.farthest, fields.swapped)


def _known_points(photo: PhotoScene, fields: Any) -> KnownPoints:
    pixels = _pixels(photo, [(point.across, point.down) for point in fields.points])
    distances = np.array([point.distance for point in fields.points], dtype=np.float64)
    check_distances(distances)
    numbers = np.array([point.imported for point in fields.points], dtype=np.float64)
    return KnownPoints(numbers, along_z(distances, pixels, photo.intrinsics, fields.along))


def _floor_points(photo: PhotoScene, fields: Any) -> KnownPoints:
    pixels = _pixels(photo, [(point.across, point.down) for point in fields.floor])
    numbers = np.array([point.imported for point in fields.floor], dtype=np.float64)
    return KnownPoints(numbers, floor_depths(pixels, photo.intrinsics, fields.camera_height, _down(photo, fields)))


def _down(photo: PhotoScene, fields: Any) -> Float64:
    if fields.use_horizon:
        return down_vector((fields.horizon, fields.horizon), photo.intrinsics, photo.photo_size)
    return down_in_photo(photo)


def _pixels(photo: PhotoScene, places: list[tuple[float, float]]) -> Float64:
    return np.array(places, dtype=np.float64).reshape(-1, 2) * photo.photo_size
