"""Camera errors RotErr, TransErr and CamMC as published, and errors of each frame.

The published numbers are sums over the frames of a clip. They compare relative trajectories: camera-to-world poses seen
from frame 0, which is the identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.trajectory import inverse
from blender_addon.core.errors import CameraError

SCALE_FLOOR = 1e-9
"""Added to a trajectory's extent before dividing by it; part of the published computation."""


@dataclass(frozen=True)
class CameraErrors:
    """The published sums over the frames.

    Distances are in units of a normalised trajectory.

    Attributes:
        rot_err: sum of the angles between the rotations, radians.
        trans_err_rel: sum of the distances between centres, each trajectory divided by its own extent.
        cam_mc_rel: sum of the Frobenius norms of the differences of the 3 x 4 poses, normalised in the same way.
        trans_err_abs, cam_mc_abs: the same with both trajectories divided by the reference's extent, so that a wrong
            scale counts.
    """

    rot_err: float
    trans_err_rel: float
    cam_mc_rel: float
    trans_err_abs: float
    cam_mc_abs: float


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """The errors of each frame.

    Attributes:
        degrees: [F] angle between the rotations.
        metres: [F] distance of the centres; in metres when both trajectories are.
    """

    degrees: Float64
    metres: Float64


def relative_to_first(camera_to_world: Float64, scale: float = 1.0) -> Float64:
    """Poses seen from frame 0, which becomes the identity.

    Args:
        camera_to_world: [F, 4, 4].
        scale: factor on all distances.

    Returns:
        [F, 4, 4] float64.
    """
    relative = inverse(camera_to_world[:1]) @ camera_to_world
    relative[:, :3, 3] *= scale
    return np.asarray(relative, dtype=np.float64)


def extent(camera_to_world: Float64) -> float:
    """Largest distance of a relative trajectory [F, 4, 4] from its frame 0, plus the published SCALE_FLOOR."""
    return float(np.linalg.norm(camera_to_world[:, :3, 3], axis=1).max()) + SCALE_FLOOR


def normalised(camera_to_world: Float64, by: Float64) -> Float64:
    """Relative poses with distances divided by the extent of a trajectory.

    Args:
        camera_to_world: [F, 4, 4] relative poses.
        by: [G, 4, 4] the trajectory whose extent is used.

    Returns:
        [F, 4, 4] float64.
    """
    result = camera_to_world.copy()
    result[:, :3, 3] /= extent(by)
    return result


def published_angles(reference: Float64, estimate: Float64) -> Float64:
    """Angles between rotations, by the arccosine of the trace as published (inaccurate below 1e-7).

    Args:
        reference, estimate: [F, 4, 4].

    Returns:
        [F] float64 radians.
    """
    trace = np.einsum("fij,fij->f", reference[:, :3, :3], estimate[:, :3, :3])
    return np.asarray(np.arccos(np.clip((trace - 1) / 2, -1.0, 1.0)), dtype=np.float64)


def camera_errors(reference: Float64, estimate: Float64) -> CameraErrors:
    """The published sums over two relative trajectories.

    Args:
        reference, estimate: [F, 4, 4], frame 0 the identity in both.

    Raises:
        CameraError: their lengths differ.
    """
    _same_length(reference, estimate)
    ours, theirs = normalised(estimate, estimate), normalised(reference, reference)
    scaled = normalised(estimate, reference)
    return CameraErrors(
        rot_err=float(published_angles(reference, estimate).sum()),
        trans_err_rel=_translation_sum(theirs, ours),
        cam_mc_rel=_matrix_sum(theirs, ours),
        trans_err_abs=_translation_sum(theirs, scaled),
        cam_mc_abs=_matrix_sum(theirs, scaled),
    )


def frame_errors(reference: Float64, estimate: Float64) -> FrameErrors:
    """The errors of each frame.

    Args:
        reference, estimate: [F, 4, 4] in the same world and unit; NaN poses give NaN.

    Raises:
        CameraError: their lengths differ.
    """
    _same_length(reference, estimate)
    difference = np.swapaxes(reference[:, :3, :3], 1, 2) @ estimate[:, :3, :3]
    distance = np.linalg.norm(estimate[:, :3, 3] - reference[:, :3, 3], axis=1)
    return FrameErrors(degrees=np.degrees(rotation_angles(difference)), metres=distance)


def rotation_angles(rotation: Float64) -> Float64:
    """[F] radians by which rotations [F, 3, 3] turn; accurate for small angles too, unlike the arccosine."""
    skew = rotation - np.swapaxes(rotation, 1, 2)
    sine = np.sqrt(skew[:, 2, 1] ** 2 + skew[:, 0, 2] ** 2 + skew[:, 1, 0] ** 2) / 2
    cosine = (np.trace(rotation, axis1=1, axis2=2) - 1) / 2
    return np.asarray(np.arctan2(sine, cosine), dtype=np.float64)


def _translation_sum(a: Float64, b: Float64) -> float:
    return float(np.linalg.norm(b[:, :3, 3] - a[:, :3, 3], axis=1).sum())


def _matrix_sum(a: Float64, b: Float64) -> float:
    """Sum over frames of the Frobenius norm of the difference of the 3x4 poses."""
    return float(np.linalg.norm((b - a)[:, :3], axis=(1, 2)).sum())


def _same_length(reference: Float64, estimate: Float64) -> None:
    if reference.shape != estimate.shape:
        raise CameraError(
            "The trajectories cannot be compared", f"{len(reference)} frames against {len(estimate)}", "Resample one."
        )
