"""The floor's direction from the horizon, the horizon from the floor's direction, and points on the floor.

The horizon is the image of the floor's points at infinity: the line l = K^-T down. Its vector down = K^T l points to
the floor, perpendicular to it.
"""

from __future__ import annotations

import numpy as np

from ...arrays import Float64
from ...errors import PhotoError
from .layout import Point


def down_vector(horizon: tuple[float, float] | None, intrinsics: Float64, size: tuple[int, int]) -> Float64:
    """[3] float64, the unit vector towards the floor in the camera's frame.

    Args:
        horizon: y at the left and at the right edge, in fractions of the height; None for a photo taken upright, whose
            columns are upright lines.
        intrinsics: [3, 3] in pixels of `size`.
        size: (width, height) of the photo, or of a grid that covers it.
    """
    if horizon is None:
        return np.array([0.0, 1.0, 0.0])
    width, height = size
    left, right = horizon[0] * height, horizon[1] * height
    # Through (0, left) and (width, right); positive below it.
    line = np.array([(left - right) / width, 1.0, -left])
    down = intrinsics.T @ line
    return np.asarray(down / np.linalg.norm(down))


def horizon_of(down: Float64, intrinsics: Float64, size: tuple[int, int]) -> tuple[float, float]:
    """The horizon of a photo, as Ground takes it.

    Args:
        down: [3] towards the floor in the camera's frame, of any length; for example a camera file's.
        intrinsics: [3, 3] in pixels of `size`.
        size: (width, height), pixels.

    Raises:
        PhotoError: the horizon is upright or nowhere: the camera lies on its side or looks straight up or down, or is
            upside down.
    """
    width, height = size
    line = np.linalg.inv(intrinsics).T @ down
    steepest = 1e-3 * float(np.abs(line[:2]).max(initial=0.0))
    if line[1] <= steepest or line[1] * intrinsics[1, 1] <= 1e-3 * float(np.linalg.norm(down)):
        degrees = np.degrees(np.arccos(np.clip(down[1] / np.linalg.norm(down), -1, 1)))
        raise PhotoError(
            "The photo has no horizon with the floor below it",
            f"the photo's downward direction is {degrees:.0f} degrees from the world's",
            "Its camera looks straight down, lies on its side or is upside down. In fSpy choose axes with Z upwards.",
        )
    left, right = -line[2] / line[1], -(line[0] * width + line[2]) / line[1]
    return float(left / height), float(right / height)


def ray(pixel: Point, intrinsics: Float64) -> Float64:
    """[3] float64, the viewing ray of a pixel, with z = 1."""
    return np.asarray(np.linalg.inv(intrinsics) @ np.array([*pixel, 1.0]))


def point_on_floor(pixel: Point, down: Float64, camera_height: float, intrinsics: Float64) -> Float64:
    """[3] float64 metres, the point that a pixel shows of a level plane, in the camera's frame.

    Args:
        pixel: below the horizon for a plane below the camera, above it for one above.
        down: [3] unit vector.
        camera_height: over the plane, metres; negative for one above the camera.
        intrinsics: [3, 3].
    """
    direction = ray(pixel, intrinsics)
    return np.asarray(direction * (camera_height / float(down @ direction)))


def vertical_error(horizon: tuple[float, float], vertical: Point, intrinsics: Float64, size: tuple[int, int]) -> float:
    """Degrees between the verticals that the horizon says and those that their vanishing point says.

    Args:
        horizon: y at the left and at the right edge, in fractions of the height.
        vertical: the verticals' vanishing point, in fractions; below the photo or above it.
        intrinsics: [3, 3] in pixels of `size`.
        size: (width, height), pixels.
    """
    direction = ray((vertical[0] * size[0], vertical[1] * size[1]), intrinsics)
    cosine = abs(float(down_vector(horizon, intrinsics, size) @ direction)) / float(np.linalg.norm(direction))
    return float(np.degrees(np.arccos(min(cosine, 1.0))))
