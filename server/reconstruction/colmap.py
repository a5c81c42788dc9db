"""Access to pycolmap: loading it, and its models as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.trajectory import inverse
from blender_addon.core.errors import RealCamError
from server.packages import install_remedy

from .sparse import SparseModel

if TYPE_CHECKING:
    import pycolmap


class MissingPycolmapError(RealCamError):
    """pycolmap is needed and not installed."""


def load_pycolmap() -> None:
    """Import pycolmap and silence its log: that a mapper found nothing is told in words of ours.

    Raises:
        MissingPycolmapError: it is not installed; the remedy says how to install it.
    """
    try:
        import pycolmap
    except ImportError as error:
        raise MissingPycolmapError(
            "Cameras cannot be solved on this machine", "pycolmap is not installed", install_remedy("evaluation")
        ) from error
    pycolmap.logging.minloglevel = pycolmap.logging.Level.FATAL.value


def camera_poses(model: pycolmap.Reconstruction, names: Sequence[str]) -> Float64:
    """Poses of named pictures of a COLMAP model.

    Args:
        model: the reconstruction.
        names: [F] picture names.

    Returns:
        [F, 4, 4] float64 camera-to-world, OpenCV axes, NaN for pictures without a pose.
    """
    by_name = {image.name: image for image in model.images.values() if image.has_pose}
    poses = np.full((len(names), 4, 4), np.nan)
    for i, name in enumerate(names):
        if name in by_name:
            poses[i] = np.vstack([by_name[name].cam_from_world().matrix(), [0, 0, 0, 1]])
    return inverse(poses)


def sparse_model(model: pycolmap.Reconstruction, names: Sequence[str]) -> SparseModel:
    """The model as arrays: the named pictures' poses, all points, and what those pictures observed.

    Args:
        model: the reconstruction.
        names: [F] picture names, which become frames 0 to F - 1.
    """
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
