"""The similarity or rigid motion that carries one set of points onto another (Umeyama 1991)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.errors import CameraError


@dataclass(frozen=True, eq=False)
class Similarity:
    """x -> scale * rotation @ x + translation."""

    scale: float
    rotation: Float64
    translation: Float64

    def points(self, points: Float64) -> Float64:
        """[N, 3] carried over."""
        return np.asarray(self.scale * points @ self.rotation.T + self.translation, dtype=np.float64)

    def poses(self, camera_to_world: Float64) -> Float64:
        """Camera-to-world poses [F, 4, 4] in the other world; they stay rigid, their centres scale."""
        result = camera_to_world.copy()
        result[:, :3, :3] = self.rotation @ camera_to_world[:, :3, :3]
        result[:, :3, 3] = self.points(camera_to_world[:, :3, 3])
        return result


def align_points(source: Float64, target: Float64, with_scale: bool = True) -> Similarity:
    """The least-squares Similarity from source [N, 3] to target [N, 3]; scale is 1 unless `with_scale`.

    Raises CameraError for fewer than three pairs or when all source points coincide.
    """
    if source.shape != target.shape or len(source) < 3:
        raise CameraError(
            "The points cannot be aligned", f"{len(source)} against {len(target)}, at least 3 pairs needed"
        )
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    variance = float((a**2).sum()) / len(a)
    if variance <= np.finfo(float).tiny:
        raise CameraError("The points cannot be aligned", "all of them coincide")
    u, singular, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = float((singular * sign).sum() / variance) if with_scale else 1.0
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)


def root_mean_square(a: Float64, b: Float64) -> float:
    """Root of the mean squared distance between points [N, 3], in their unit."""
    return float(np.sqrt(((a - b) ** 2).sum(axis=1).mean()))
