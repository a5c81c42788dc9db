"""Places of a photo whose distance is known: by a tape measure, from the floor, or as nearest and farthest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...arrays import Float64, Floats
from ...camera.projection import unproject_pixels
from ...errors import PhotoError
from ..depth_facts import ENDS, metres

Along = Literal["ray", "z"]
"""How a distance counts. ray: straight from the camera to the point, as a tape measure does. z: along the camera's
viewing axis, as depth files do.
"""

ONE_DISTANCE = 1.05
"""Points whose farthest is no more than this times their nearest tell one distance only."""
OTHER_DISTANCE = 1.1
"""Two points of one number contradict each other where one is farther than the other by this factor."""
SAME_NUMBER = 1e-5
"""Share of the picture's range within which two numbers are the same."""
PATCH = 1
"""Pixels around a point whose numbers count with it: the median is read."""
LEAST_BELOW = 0.017
"""Radians below the horizon, one degree, from which a point of the floor says where it is."""


@dataclass(frozen=True, eq=False)
class KnownPoints:
    """Numbers of a depth picture and the distances that they stand for.

    Attributes:
        numbers: [N] float64, the picture's numbers there, NaN where it has none.
        metres: [N] float64 along z.
    """

    numbers: Float64
    metres: Float64


def pixel_centre(shape: tuple[int, ...], across: float, down: float) -> tuple[float, float]:
    """The middle of the pixel of a picture of (rows, columns) in which a place lies, as `number_at` takes it."""
    row, column = _pixel(shape, across, down)
    return (column + 0.5) / shape[1], (row + 0.5) / shape[0]


def _pixel(shape: tuple[int, ...], across: float, down: float) -> tuple[int, int]:
    rows, columns = shape
    return min(max(int(down * rows), 0), rows - 1), min(max(int(across * columns), 0), columns - 1)


def number_at(picture: Floats, across: float, down: float) -> float:
    """The number of a place in a depth picture: the median of it and its neighbours, NaN where none is known.

    Args:
        picture: [h, w] numbers, NaN where unknown.
        across: 0 at the picture's left edge, 1 at its right one.
        down: 0 at its top, 1 at its bottom.
    """
    row, column = _pixel(picture.shape, across, down)
    patch = picture[max(row - PATCH, 0) : row + PATCH + 1, max(column - PATCH, 0) : column + PATCH + 1]
    known = patch[np.isfinite(patch)]
    # One of the numbers, not the mean of two: across an edge of depth that would be neither side's.
    return float(np.sort(known)[len(known) // 2]) if known.size else float("nan")


def along_z(distances: Float64, pixels: Float64, intrinsics: Float64, along: Along) -> Float64:
    """Distances along the camera's viewing axis.

    Args:
        distances: [N] metres.
        pixels: [N, 2] (x, y) of the points.
        intrinsics: [3, 3] in the same pixels.
        along: how they count.

    Returns:
        [N] metres along z.
    """
    if along == "z":
        return np.asarray(distances, dtype=np.float64)
    return np.asarray(distances / ray_lengths(pixels, intrinsics), dtype=np.float64)


def ray_lengths(pixels: Float64, intrinsics: Float64) -> Float64:
    """[N] metres straight from the camera for each metre along z, at pixels [N, 2]."""
    return np.asarray(np.linalg.norm(unproject_pixels(pixels, np.ones(len(pixels)), intrinsics), axis=1))


def floor_depths(pixels: Float64, intrinsics: Float64, camera_height: float, down: Float64) -> Float64:
    """How far away the floor is that some pixels show.

    Args:
        pixels: [N, 2] (x, y), three or more.
        intrinsics: [3, 3] in the same pixels.
        camera_height: metres of the camera above the floor.
        down: [3] the unit vector towards the floor in the camera's frame; see core.depth.layout.ground_plane.

    Returns:
        [N] metres along z.

    Raises:
        PhotoError: the height is not positive, there are fewer than three points, or one is at the horizon or above it.
    """
    if not np.isfinite(camera_height) or camera_height <= 0:
        raise PhotoError(
            "The camera's height is not a positive number",
            f"{camera_height:g} m",
            "Give its height above the floor; a person holds a camera at some 1.5 m.",
        )
    if len(pixels) < 3:
        raise PhotoError(
            "The floor needs three points", f"there {'is' if len(pixels) == 1 else 'are'} {len(pixels)}", "Add more."
        )
    rays = unproject_pixels(pixels, np.ones(len(pixels)), intrinsics)
    drop = rays @ down
    below = drop / np.linalg.norm(rays, axis=1)
    high = np.flatnonzero(below < np.sin(LEAST_BELOW))
    if len(high):
        raise PhotoError(
            "What is said to be floor is not below the horizon",
            f"{_names(high)} at pixel {pixels[high[0], 0]:.0f}, {pixels[high[0], 1]:.0f} or beside it",
            "Choose floor nearer to the camera, or correct the horizon (the camera's tilt).",
        )
    return np.asarray(camera_height / drop, dtype=np.float64)


def ends_of(picture: Floats, nearest: float, farthest: float, near_is_high: bool) -> KnownPoints:
    """The two points that the nearest and the farthest distance of a photo are.

    Args:
        picture: numbers of any shape, NaN where unknown. As the panel says how far a scene reaches, 2 % of them may
            lie beyond either end.
        nearest: metres along z.
        farthest: metres along z.
        near_is_high: whether larger numbers are nearer.

    Raises:
        PhotoError: nothing is known, or the distances are not two.
    """
    if not 0 < nearest < farthest or not np.isfinite(farthest):
        raise PhotoError(
            "The nearest and the farthest distance are not two distances",
            f"nearest {nearest:g} m, farthest {farthest:g} m",
            "Give both, the second the larger.",
        )
    known = picture[np.isfinite(picture)]
    if known.size == 0:
        raise PhotoError("The depth picture is empty", "none of its pixels holds a number")
    low, high = np.percentile(known, ENDS)
    if low == high:
        low, high = known.min(), known.max()
    return KnownPoints(np.array([high, low] if near_is_high else [low, high]), np.array([nearest, farthest]))


def check_points(points: KnownPoints, picture: Floats) -> None:
    """Refuse points that cannot say how numbers become metres.

    Args:
        points: the points.
        picture: the picture's numbers or a sample of them, NaN where unknown.

    Raises:
        PhotoError: fewer than two, a distance that is no distance, a point without a number, points of one distance or
            of one number only, or two points of one number and different distances.
    """
    given = points.metres
    if len(given) < 2:
        raise PhotoError(
            "A calibration needs two points of known distance",
            f"there {'is' if len(given) == 1 else 'are'} {len(given)}",
            "Add a point: a third one checks the other two.",
        )
    wrong = np.flatnonzero(~(np.isfinite(given) & (given > 0)))
    if len(wrong):
        raise PhotoError("A distance is not a positive number", f"{_names(wrong)}: {given[wrong[0]]:g} m")
    unknown = np.flatnonzero(~np.isfinite(points.numbers))
    if len(unknown):
        raise PhotoError(
            "The picture has no depth there", _names(unknown), "Take that point away, or set it where there is depth."
        )
    check_distances(given)
    _check_numbers(points, picture)


def check_distances(given: Float64) -> None:
    """Refuse points of one distance, in which the law would be that of small errors.

    Args:
        given: [N] metres, along z or, as a tape measures, straight from the camera: of points of one length of tape the
            distances along z differ with their place in the photo alone.

    Raises:
        PhotoError: two or more, and all are one distance.
    """
    if len(given) > 1 and given.min() > 0 and given.max() < ONE_DISTANCE * given.min():
        raise PhotoError(
            "Points of one distance only do not say how distances grow",
            f"all are {metres(float(given.min()))} to {metres(float(given.max()))} m away",
            "Add a point that is nearer or farther.",
        )


def _check_numbers(points: KnownPoints, picture: Floats) -> None:
    known = picture[np.isfinite(picture)]
    reach = float(np.ptp(known)) if known.size else 0.0
    same = SAME_NUMBER * max(reach, float(np.ptp(points.numbers)))
    if np.ptp(points.numbers) <= same:
        raise PhotoError(
            "All points have the same depth in the picture",
            f"its number there is {points.numbers[0]:.4g}",
            "Add a point on something that is nearer or farther in the picture.",
        )
    order = np.argsort(points.numbers, kind="stable")
    few = order if len(order) <= 100 else ()
    for first, second in combinations(few, 2):
        near, far = sorted(points.metres[[first, second]])
        if abs(points.numbers[first] - points.numbers[second]) <= same and far > OTHER_DISTANCE * near:
            one, two = sorted((first, second))
            raise PhotoError(
                "Two points contradict each other",
                f"points {one + 1} and {two + 1} have the same depth in the picture, but "
                f"{metres(float(points.metres[one]))} and {metres(float(points.metres[two]))} m were given",
                "Correct one of the distances, or take one of the two away.",
            )


def _names(indices: NDArray[np.intp]) -> str:
    names = ", ".join(str(index + 1) for index in indices[:4])
    return f"point {names}" if len(indices) == 1 else f"points {names}{', ...' if len(indices) > 4 else ''}"
