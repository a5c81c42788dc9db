"""Blender's camera axes (x right, y up, looking along -z) to OpenCV's (y down, looking along z), and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..core.arrays import Float64
from ..core.camera.trajectory import inverse
from ..core.errors import CameraError

_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def flipped(poses: Float64) -> Float64:
    """Poses of one camera in another's frame, from Blender's camera axes to OpenCV's or back.

    Args:
        poses: [..., 4, 4].

    Returns:
        [..., 4, 4] float64.
    """
    return np.asarray(_FLIP @ poses @ _FLIP, dtype=np.float64)


def pose_in_reference(camera_world: ArrayLike, reference_world: ArrayLike) -> Float64:
    """The OpenCV camera-to-reference pose of a camera, in the reference's own metres.

    Scale on the camera is dropped, as Blender does when it renders. Scale on the reference is the scene's scale.

    Args:
        camera_world: [4, 4] Blender world matrix of the camera.
        reference_world: [4, 4] Blender world matrix of the photo's mesh or of its camera.

    Returns:
        [4, 4] float64.

    Raises:
        CameraError: The reference is scaled unevenly, sheared, or has no size.
    """
    camera = _unscaled(np.array(camera_world, dtype=np.float64))
    reference = np.array(reference_world, dtype=np.float64)
    scale = reference_scale(reference)
    pose = inverse(_unscaled(reference)) @ camera
    pose[:3, 3] /= scale
    return flipped(pose)


def world_from_reference(pose: Float64, reference_world: ArrayLike) -> Float64:
    """The Blender world matrix of a camera pose; undoes pose_in_reference.

    Args:
        pose: [4, 4] OpenCV camera-to-reference pose, metres.
        reference_world: [4, 4] Blender world matrix of the reference.

    Returns:
        [4, 4] float64, without scale.

    Raises:
        CameraError: The reference is scaled unevenly, sheared, or has no size.
    """
    reference = np.array(reference_world, dtype=np.float64)
    local = flipped(pose)
    local[:3, 3] *= reference_scale(reference)
    return np.asarray(_unscaled(reference) @ local, dtype=np.float64)


def reference_scale(reference_world: Float64) -> float:
    """World units for each metre of the photo's scene.

    Args:
        reference_world: [4, 4] Blender world matrix of the reference.

    Raises:
        CameraError: The reference is scaled unevenly, sheared, or has no size.
    """
    x, y, z = np.linalg.norm(reference_world[:3, :3], axis=0)
    if not min(x, y, z) > 0 or max(x, y, z) / min(x, y, z) > 1 + 1e-4:
        raise CameraError(
            "The photo's mesh is scaled unevenly",
            f"{x:.4g} x {y:.4g} x {z:.4g}",
            "Give the mesh object and its parents the same scale along every axis.",
        )
    axes = reference_world[:3, :3] / (x, y, z)
    if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
        raise CameraError(
            "The photo's mesh is sheared",
            "its axes do not stand at right angles: a parent of it is scaled unevenly and turned",
            "Clear its parent (Alt+P), or give the parents the same scale along every axis.",
        )
    return float(np.cbrt(x * y * z))


def _unscaled(world: Float64) -> Float64:
    result = world.copy()
    lengths = np.linalg.norm(result[:3, :3], axis=0)
    result[:3, :3] /= np.maximum(lengths, 1e-300)
    return result
