"""Camera paths exactly as the published demo samples them, to reproduce its clips.

It interpolates the entries of the pose matrices, so that poses between keys are no rigid motions; everything else in
this project moves on SE(3) (Trajectory.at). Matrices here are camera-to-world [m, 4, 4] and may be non-rigid.
"""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float64


def matrix_lerp(poses: Float64, where: Float64) -> Float64:
    """The matrices at fractional indices `where` [n] into poses [m, 4, 4], entry by entry."""
    left = np.clip(np.floor(where).astype(np.int64), 0, len(poses) - 1)
    right = np.minimum(left + 1, len(poses) - 1)
    t = (where - left)[:, None, None]
    return np.asarray((1 - t) * poses[left] + t * poses[right], dtype=np.float64)


def spread_evenly(poses: Float64, count: int) -> Float64:
    """`count` matrices from first to last."""
    return matrix_lerp(poses, np.linspace(0.0, len(poses) - 1.0, count))


def first_part(poses: Float64, ratio: float, count: int = 16) -> Float64:
    """The first `count` of round(count / ratio) matrices spread over the path: ratio 0.5 is half the way."""
    return spread_evenly(poses, round(count / ratio))[:count]


def there_and_back(poses: Float64) -> Float64:
    """The path, then the path backwards; the turning pose stands twice."""
    return np.concatenate([poses, poses[::-1]])


def eased(poses: Float64, a: float = 0.5, b: float = 0.5) -> Float64:
    """As many matrices, timed by the Bezier curve (0, 0), (a, 0), (b, 1), (1, 1)."""
    x, y = bezier_curve(a, b, len(poses))
    times = np.linspace(0.0, 1.0, len(poses))
    right = np.searchsorted(x, times)
    left = np.maximum(right - 1, 0)
    right = np.minimum(right, len(poses) - 1)
    weight = np.clip((times - x[left]) / np.maximum(x[right] - x[left], 1e-9), 0.0, 1.0)
    return matrix_lerp(poses, ((1 - weight) * y[left] + weight * y[right]) * (len(poses) - 1))


def bezier_curve(a: float, b: float, count: int) -> tuple[Float64, Float64]:
    """x [count] and y [count] of the curve (0, 0), (a, 0), (b, 1), (1, 1) at evenly spaced parameters."""
    t = np.linspace(0.0, 1.0, count)
    first, second, third = 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
    return first * a + second * b + third, second + third


def relative_to(poses: Float64, reference: int) -> Float64:
    """inverse(poses[reference]) @ poses, with a general inverse because the matrices may not be rigid."""
    return np.asarray(np.linalg.inv(poses[reference]) @ poses, dtype=np.float64)
