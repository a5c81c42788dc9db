"""Trajectory: the camera of a shot, frame by frame.

Axes are OpenCV's (x right, y down, z forward), poses are camera-to-world in metres, and the world is the reference
camera's own frame: the camera that took the photo stands at the identity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Float64
from ..errors import CameraError
from .projection import scaled_intrinsics
from .rotation import inverse, rotation_exp, rotation_log

__all__ = [
    "RIGID_TOLERANCE",
    "Trajectory",
    "check_intrinsics",
    "interpolate_poses",
    "inverse",
    "orthonormalised",
    "rotation_exp",
    "rotation_log",
]

RIGID_TOLERANCE = 1e-3
"""Largest |R R^T - I| that is taken for rounding and mended. Real data is orthonormal to 1e-4 only."""

LARGEST_NUMBER = 1e9
"""Largest distance in metres, or focal length in pixels, that is accepted; anything beyond can only be a mistake."""

_CHECK_LENS = "Check the focal length and the file it comes from."
_CHECK_KEYS = "Check the camera's keys, or the file they come from."


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The camera of every frame.

    Attributes:
        camera_to_world: [F, 4, 4] float64, rigid, metres, OpenCV axes, relative to the reference camera.
        intrinsics: [F, 3, 3] float64, in pixels of width x height; the centre of the top-left pixel is (0.5, 0.5).
            [3, 3] may be given and is repeated for every frame.
        width, height: pixels.
        fps: frames a second.

    Raises:
        CameraError: a shape is wrong, size or fps is not positive, a pose is not finite or not rigid within
            RIGID_TOLERANCE, or the intrinsics are not a pinhole camera's.
    """

    camera_to_world: Float64
    intrinsics: Float64
    width: int
    height: int
    fps: float = 24.0

    def __post_init__(self) -> None:
        poses = np.array(self.camera_to_world, dtype=np.float64)
        if poses.ndim != 3 or poses.shape[1:] != (4, 4) or len(poses) == 0:
            raise CameraError("The poses have the wrong shape", f"expected [F, 4, 4], got {list(poses.shape)}")
        intrinsics = np.array(self.intrinsics, dtype=np.float64)
        if intrinsics.shape == (3, 3):
            intrinsics = np.repeat(intrinsics[None], len(poses), axis=0)
        if intrinsics.shape != (len(poses), 3, 3):
            raise CameraError(
                "The intrinsics have the wrong shape", f"expected [{len(poses)}, 3, 3], got {list(intrinsics.shape)}"
            )
        if self.width <= 0 or self.height <= 0:
            raise CameraError("The picture has no area", f"{self.width} x {self.height} pixels")
        if not self.fps > 0 or not np.isfinite(self.fps):
            raise CameraError("The frame rate is not positive", f"{self.fps} frames a second")
        poses = orthonormalised(poses)
        check_intrinsics(intrinsics)
        poses.setflags(write=False)
        intrinsics.setflags(write=False)
        object.__setattr__(self, "camera_to_world", poses)
        object.__setattr__(self, "intrinsics", intrinsics)

    def __len__(self) -> int:
        return len(self.camera_to_world)

    @cached_property
    def world_to_camera(self) -> Float64:
        """[F, 4, 4] float64, the inverse poses."""
        return inverse(self.camera_to_world)

    @property
    def centres(self) -> Float64:
        """[F, 3] float64, the camera centres, metres."""
        return self.camera_to_world[:, :3, 3]

    def relative_to(self, camera_to_world: ArrayLike) -> Trajectory:
        """The same cameras in the frame of another camera, which becomes the identity.

        Args:
            camera_to_world: [4, 4] pose of that camera.

        Raises:
            CameraError: that pose is not rigid.
        """
        reference = orthonormalised(np.asarray(camera_to_world, dtype=np.float64)[None])[0]
        return replace(self, camera_to_world=inverse(reference) @ self.camera_to_world)

    def rescale(self, factor: float) -> Trajectory:
        """The same move with every distance multiplied by `factor`.

        Raises:
            CameraError: the factor is not a positive, finite number.
        """
        if not np.isfinite(factor) or factor <= 0:
            raise CameraError("The scale is not a positive number", str(factor))
        poses = self.camera_to_world.copy()
        poses[:, :3, 3] *= factor
        return replace(self, camera_to_world=poses)

    def resized(self, width: int, height: int) -> Trajectory:
        """The same field of view drawn into width x height pixels; each axis is scaled on its own."""
        intrinsics = scaled_intrinsics(self.intrinsics, (self.width, self.height), (width, height))
        return replace(self, intrinsics=intrinsics, width=width, height=height)

    def resample(self, count: int) -> Trajectory:
        """`count` frames spread evenly over the move, first and last kept; poses are interpolated as in `at`.

        Raises:
            CameraError: `count` is below 1.
        """
        if count < 1:
            raise CameraError("A trajectory needs at least one frame", f"{count} asked for")
        return self.at(np.linspace(0.0, len(self) - 1.0, count))

    def at(self, frames: ArrayLike) -> Trajectory:
        """The cameras at fractional frames; centres and intrinsics change linearly, rotations along the geodesic.

        Args:
            frames: [N] indices from 0, clamped to the first and last frame.

        Returns:
            N frames, with fps scaled to keep the duration. fps stays as it is where the frames span no duration that a
            rate could keep: one frame, a last frame that is not later than the first, or two so close that the rate
            would be no finite number.

        Raises:
            CameraError: `frames` is not a non-empty list of finite numbers.
        """
        where = np.clip(np.asarray(frames, dtype=np.float64), 0.0, len(self) - 1.0)
        if where.ndim != 1 or len(where) == 0 or not np.isfinite(where).all():
            raise CameraError("The frames to interpolate at are not a list of numbers", f"shape {list(where.shape)}")
        left = np.minimum(where.astype(np.int64), max(len(self) - 2, 0))
        right = np.minimum(left + 1, len(self) - 1)
        t = (where - left)[:, None, None]
        span = float(where[-1] - where[0])
        fps = self.fps * (len(where) - 1) / span if span > 0 else self.fps
        return replace(
            self,
            camera_to_world=interpolate_poses(self.camera_to_world[left], self.camera_to_world[right], t[:, 0, 0]),
            intrinsics=self.intrinsics[left] + t * (self.intrinsics[right] - self.intrinsics[left]),
            fps=fps if np.isfinite(fps) else self.fps,
        )


def orthonormalised(poses: Float64) -> Float64:
    """The poses with each rotation replaced by the nearest one (SVD).

    Args:
        poses: [F, 4, 4].

    Returns:
        [F, 4, 4] float64, exactly rigid.

    Raises:
        CameraError: a pose is not finite, farther than LARGEST_NUMBER, mirrored, or not rigid within RIGID_TOLERANCE.
    """
    if not np.isfinite(poses).all():
        bad = np.flatnonzero(~np.isfinite(poses).all(axis=(1, 2)))
        raise CameraError("A pose is not a number", f"frames {bad[:8].tolist()}", _CHECK_KEYS)
    if np.abs(poses).max() > LARGEST_NUMBER:
        frame = int(np.abs(poses).max(axis=(1, 2)).argmax())
        raise CameraError("A camera is too far away to compute with", f"frame {frame}", _CHECK_KEYS)
    rotation = poses[:, :3, :3]
    error = np.abs(rotation @ np.swapaxes(rotation, 1, 2) - np.eye(3)).max(axis=(1, 2))
    determinant = np.linalg.det(rotation)
    if (determinant < 0).any():
        raise CameraError(
            "A pose is mirrored",
            f"frame {int(np.argmin(determinant))} has determinant {determinant.min():.3f}",
            "Turn all axes by a rotation instead of flipping one.",
        )
    if error.max() > RIGID_TOLERANCE:
        raise CameraError(
            "A pose is not a rigid motion",
            f"frame {int(np.argmax(error))} differs from a rotation by {error.max():.2g} (allowed {RIGID_TOLERANCE:g})",
            "Remove scale and shear from the camera and its parents.",
        )
    if np.abs(poses[:, 3] - [0, 0, 0, 1]).max() > RIGID_TOLERANCE:
        raise CameraError("A pose is not a rigid motion", "its last row is not (0, 0, 0, 1)")
    u, _, vt = np.linalg.svd(rotation)
    result = poses.copy()
    result[:, :3, :3] = u @ vt
    result[:, 3] = [0, 0, 0, 1]
    return result


def check_intrinsics(intrinsics: Float64) -> None:
    """Raise CameraError unless these are intrinsics of pinhole cameras.

    Args:
        intrinsics: [F, 3, 3] pixels; skew is allowed.

    Raises:
        CameraError: the shape is wrong, an entry is not finite or above LARGEST_NUMBER, the lower triangle is not a
            pinhole camera's, or a focal length is not positive.
    """
    if intrinsics.ndim != 3 or intrinsics.shape[1:] != (3, 3) or len(intrinsics) == 0:
        raise CameraError("The intrinsics have the wrong shape", f"expected [F, 3, 3], got {list(intrinsics.shape)}")
    if not np.isfinite(intrinsics).all():
        raise CameraError("The intrinsics are not numbers", "NaN or infinite entries", _CHECK_LENS)
    if np.abs(intrinsics[:, 2] - [0, 0, 1]).max() > 1e-9 or np.abs(intrinsics[:, 1, 0]).max() > 1e-9:
        raise CameraError(
            "The intrinsics are not a pinhole camera's",
            "expected rows (fx, skew, cx), (0, fy, cy), (0, 0, 1)",
            _CHECK_LENS,
        )
    if np.abs(intrinsics).max() > LARGEST_NUMBER:
        largest = np.abs(intrinsics).max()
        raise CameraError("The intrinsics are too large to compute with", f"{largest:g} px", _CHECK_LENS)
    if (intrinsics[:, 0, 0] <= 0).any() or (intrinsics[:, 1, 1] <= 0).any():
        smallest = intrinsics[:, [0, 1], [0, 1]].min()
        raise CameraError("A focal length is not positive", f"smallest {smallest:g} px", _CHECK_LENS)


def interpolate_poses(a: Float64, b: Float64, t: Float64) -> Float64:
    """Poses between a and b: centres on the straight line, rotations on the geodesic.

    Args:
        a, b: [N, 4, 4] rigid.
        t: [N] in 0..1; 0 gives a, 1 gives b.

    Returns:
        [N, 4, 4] float64.
    """
    relative = np.swapaxes(a[:, :3, :3], 1, 2) @ b[:, :3, :3]
    result = a.copy()
    result[:, :3, :3] = a[:, :3, :3] @ rotation_exp(rotation_log(relative) * t[:, None])
    result[:, :3, 3] = (1 - t[:, None]) * a[:, :3, 3] + t[:, None] * b[:, :3, 3]
    return result
