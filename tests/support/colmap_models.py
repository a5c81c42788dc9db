"""COLMAP models read through pycolmap, for tests that compare with what other people solved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

from blender_addon.core.camera.trajectory import Trajectory
from server.reconstruction.colmap import camera_poses, load_pycolmap, sparse_model
from server.reconstruction.sparse import SparseModel


@dataclass(frozen=True, eq=False)
class ColmapModel:
    """A model whose pictures have one size.

    names [F]: pictures with a pose, sorted, in the order of the trajectory. trajectory: the pinhole part of the
    cameras. distorted: whether a camera has a distortion coefficient besides.
    """

    names: tuple[str, ...]
    trajectory: Trajectory
    sparse: SparseModel
    distorted: bool


def read_model(folder: Path) -> ColmapModel:
    """Cameras, images and points3D (.bin or .txt) of `folder`."""
    load_pycolmap()
    model = pycolmap.Reconstruction(folder)
    posed = sorted((image for image in model.images.values() if image.has_pose), key=lambda image: image.name)
    ((width, height),) = {(image.camera.width, image.camera.height) for image in posed}
    names = tuple(image.name for image in posed)
    intrinsics = np.array([image.camera.calibration_matrix() for image in posed])
    extra = [image.camera.params[i] for image in posed for i in image.camera.extra_params_idxs()]
    poses = camera_poses(model, names)
    return ColmapModel(names, Trajectory(poses, intrinsics, width, height), sparse_model(model, names), any(extra))
