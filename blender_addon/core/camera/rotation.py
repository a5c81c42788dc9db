"""Conversions between rotation matrices, rotation vectors and unit quaternions, and the inverse of rigid poses.

All rotations are active and right-handed; quaternions are (w, x, y, z).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Float64

AXES = {"X": 0, "Y": 1, "Z": 2}
"""Index of each axis by its name."""


def inverse(poses: Float64) -> Float64:
    """Inverse of rigid transforms [..., 4, 4], by transposing the rotation; the last row is not read."""
    rotation_t = np.swapaxes(poses[..., :3, :3], -1, -2)
    result = np.zeros_like(poses)
    result[..., :3, :3] = rotation_t
    result[..., :3, 3] = -(rotation_t @ poses[..., :3, 3:])[..., 0]
    result[..., 3, 3] = 1.0
    return result


def rotation_log(rotation: Float64) -> Float64:
    """Rotation vectors of rotation matrices.

    Args:
        rotation: [N, 3, 3].

    Returns:
        [N, 3] float64, axis times angle, radians, of length at most pi.
    """
    # By way of the quaternion, which keeps full precision at half turns, where R - R^T vanishes.
    quaternion = quaternion_from_rotation(rotation)
    w, vector = quaternion[:, 0], quaternion[:, 1:]
    sine = np.linalg.norm(vector, axis=1)
    angle = 2 * np.arctan2(sine, w)
    factor = np.where(sine > 1e-12, angle / np.maximum(sine, 1e-12), 2.0)
    return np.asarray(vector * factor[:, None], dtype=np.float64)


def rotation_exp(vector: ArrayLike) -> Float64:
    """Rotation matrices of rotation vectors, by Rodrigues' formula.

    Args:
        vector: [N, 3] axis times angle, radians.

    Returns:
        [N, 3, 3] float64.
    """
    v = np.asarray(vector, dtype=np.float64)
    angle = np.linalg.norm(v, axis=1)
    k = np.zeros((len(v), 3, 3))
    k[:, 2, 1], k[:, 0, 2], k[:, 1, 0] = v.T
    k[:, 1, 2], k[:, 2, 0], k[:, 0, 1] = -v.T
    a = np.sinc(angle / np.pi)[:, None, None]
    b = (np.sinc(angle / (2 * np.pi)) ** 2 / 2)[:, None, None]
    return np.asarray(np.eye(3) + a * k + b * (k @ k), dtype=np.float64)


def quaternion_from_rotation(rotation: Float64) -> Float64:
    """Unit quaternions [N, 4] (w, x, y, z) with w >= 0, of rotations [N, 3, 3]."""
    r = rotation
    xx, yy, zz = r[:, 0, 0], r[:, 1, 1], r[:, 2, 2]
    # Row i is 4 q_i q: the row of the largest component loses no precision.
    outer = np.empty((len(r), 4, 4))
    outer[:, 0, 0] = 1 + xx + yy + zz
    outer[:, 1, 1] = 1 + xx - yy - zz
    outer[:, 2, 2] = 1 - xx + yy - zz
    outer[:, 3, 3] = 1 - xx - yy + zz
    outer[:, 0, 1] = outer[:, 1, 0] = r[:, 2, 1] - r[:, 1, 2]
    outer[:, 0, 2] = outer[:, 2, 0] = r[:, 0, 2] - r[:, 2, 0]
    outer[:, 0, 3] = outer[:, 3, 0] = r[:, 1, 0] - r[:, 0, 1]
    outer[:, 1, 2] = outer[:, 2, 1] = r[:, 0, 1] + r[:, 1, 0]
    outer[:, 1, 3] = outer[:, 3, 1] = r[:, 0, 2] + r[:, 2, 0]
    outer[:, 2, 3] = outer[:, 3, 2] = r[:, 1, 2] + r[:, 2, 1]
    largest = np.argmax(np.diagonal(outer, axis1=1, axis2=2), axis=1)
    quaternion = outer[np.arange(len(r)), largest]
    quaternion /= np.linalg.norm(quaternion, axis=1, keepdims=True)
    return np.asarray(np.where(quaternion[:, :1] < 0, -quaternion, quaternion), dtype=np.float64)


def rotation_from_quaternion(quaternion: ArrayLike) -> Float64:
    """Rotations [N, 3, 3] of quaternions [N, 4] (w, x, y, z), which are normalised first and must not be zero."""
    q = np.asarray(quaternion, dtype=np.float64)
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows, dtype=np.float64), 2, 0)


def axis_rotation(axis: str, angle: ArrayLike) -> Float64:
    """Rotations about one axis.

    Args:
        axis: "X", "Y" or "Z".
        angle: [N] or one number, radians.

    Returns:
        [N, 3, 3] float64; N is 1 for one number.
    """
    angles = np.atleast_1d(np.asarray(angle, dtype=np.float64))
    vector = np.zeros((len(angles), 3))
    vector[:, AXES[axis]] = angles
    return rotation_exp(vector)
