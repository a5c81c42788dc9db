"""COLMAP models through pycolmap: a folder of cameras, images and points, binary or text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.trajectory import Trajectory, inverse
from blender_addon.core.errors import CameraError, RealCamError

from .sparse import SparseModel

if TYPE_CHECKING:
    import pycolmap


class MissingPycolmapError(RealCamError):
    """pycolmap is needed and not installed."""


@dataclass(frozen=True, eq=False)
class ColmapModel:
    """A model as read. names [F]: pictures, in the order of the trajectory. notes: sentences on what was odd.

    trajectory: pinhole part of the cameras; distortion [F]: the largest absolute distortion coefficient of each.
    """

    names: tuple[str, ...]
    trajectory: Trajectory
    sparse: SparseModel
    distortion: Float64
    notes: tuple[str, ...]


def load_pycolmap() -> None:
    """Import pycolmap and make it speak of errors only. Raises MissingPycolmapError with the remedy."""
    try:
        import pycolmap
    except ImportError as error:
        raise MissingPycolmapError(
            "Cameras cannot be solved on this machine", "pycolmap is not installed", "Run `uv sync --extra evaluation`."
        ) from error
    pycolmap.logging.minloglevel = pycolmap.logging.Level.ERROR.value


def read_model(folder: Path) -> ColmapModel:
    """Read cameras, images and points3D (.bin or .txt) of `folder`, pictures sorted by name.

    Raises CameraError when there is no model, no posed picture, or the pictures differ in size.
    """
    load_pycolmap()
    import pycolmap

    try:
        model = pycolmap.Reconstruction(folder)
    except (ValueError, RuntimeError) as error:
        raise CameraError(
            "The COLMAP model cannot be read", f"{folder}: {str(error).strip().splitlines()[-1]}"
        ) from error
    posed = sorted((image for image in model.images.values() if image.has_pose), key=lambda image: image.name)
    if not posed:
        raise CameraError("The COLMAP model has no posed picture", f"{model.num_images()} pictures in {folder}")
    sizes = {(image.camera.width, image.camera.height) for image in posed}
    if len(sizes) > 1:
        raise CameraError("The COLMAP model's pictures differ in size", f"{sorted(sizes)} pixels", "Split the model.")
    names = tuple(image.name for image in posed)
    poses = camera_poses(model, names)
    intrinsics = np.array([image.camera.calibration_matrix() for image in posed])
    distortion = np.array([_distortion(image.camera) for image in posed])
    width, height = sizes.pop()
    return ColmapModel(
        names,
        Trajectory(poses, intrinsics, width, height),
        sparse_model(model, names),
        distortion,
        tuple(_oddities(model, distortion)),
    )


def camera_poses(model: pycolmap.Reconstruction, names: Sequence[str]) -> Float64:
    """[F, 4, 4] camera-to-world of the named pictures, NaN for those without a pose."""
    by_name = {image.name: image for image in model.images.values() if image.has_pose}
    poses = np.full((len(names), 4, 4), np.nan)
    for i, name in enumerate(names):
        if name in by_name:
            poses[i] = np.vstack([by_name[name].cam_from_world().matrix(), [0, 0, 0, 1]])
    return inverse(poses)


def sparse_model(model: pycolmap.Reconstruction, names: Sequence[str]) -> SparseModel:
    """The named pictures' poses and what they saw."""
    frame_of = {name: i for i, name in enumerate(names)}
    index_of = {point_id: i for i, point_id in enumerate(model.points3D)}
    rows = [
        (frame_of[image.name], index_of[seen.point3D_id], *seen.xy)
        for image in model.images.values()
        if image.has_pose and image.name in frame_of
        for seen in image.points2D
        if seen.has_point3D()
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return SparseModel(
        camera_to_world=camera_poses(model, names),
        points=np.array([point.xyz for point in model.points3D.values()], dtype=np.float64).reshape(-1, 3),
        frame=table[:, 0].astype(np.int64),
        point=table[:, 1].astype(np.int64),
        pixel=table[:, 2:],
        reprojection_error=float(model.compute_mean_reprojection_error()) if len(rows) else float("nan"),
    )


def _distortion(camera: pycolmap.Camera) -> float:
    extra = [abs(float(camera.params[i])) for i in camera.extra_params_idxs()]
    return max(extra, default=0.0)


def _oddities(model: pycolmap.Reconstruction, distortion: Float64) -> list[str]:
    notes = []
    unposed = model.num_images() - model.num_reg_images()
    if unposed:
        notes.append(f"{unposed} of {model.num_images()} pictures have no pose and are left out.")
    if model.num_points3D() == 0:
        notes.append("The model has no points: its cameras were not made by matching pictures.")
    if distortion.max() > 0:
        notes.append(f"Lens distortion (up to {distortion.max():.3g}) is not kept: undistort the pictures first.")
    return notes
