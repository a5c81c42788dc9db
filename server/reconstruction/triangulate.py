"""Triangulate points from frames whose cameras are known; poses and intrinsics stay fixed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from blender_addon.core.camera.trajectory import Trajectory
from blender_addon.core.errors import CameraError

from .colmap import load_pycolmap, sparse_model
from .matching import FrameFolder, extract, match, verify
from .sparse import SparseModel

MAX_FEATURES = 4096
"""SIFT features a frame at most."""
SEED = 0
"""Of RANSAC, so that the same clip gives the same points."""


def triangulate(folder: Path, names: tuple[str, ...], trajectory: Trajectory) -> SparseModel:
    """Match frames and triangulate points under their known poses.

    Args:
        folder: where the frames are.
        names: [F] their file names.
        trajectory: [F] their cameras.

    Returns:
        The reconstruction in the world and unit of the trajectory.

    Raises:
        CameraError: there are not as many frames as poses, or nothing could be triangulated.
        MissingPycolmapError: pycolmap is not installed.
    """
    if len(names) != len(trajectory):
        raise CameraError("The poses do not fit the frames", f"{len(trajectory)} poses, {len(names)} frames")
    load_pycolmap()
    import pycolmap

    unstopped = pycolmap.CancellationToken()
    frames = FrameFolder(folder, names, trajectory.intrinsics, trajectory.width, trajectory.height)
    with tempfile.TemporaryDirectory(prefix="realcam-triangulate-", ignore_cleanup_errors=True) as scratch:
        database = Path(scratch) / "database.db"
        extract(frames, database, MAX_FEATURES, unstopped)
        match(database, len(names), unstopped)
        verify(database, SEED, unstopped)
        model = _triangulate(frames, trajectory, database, Path(scratch) / "model")
    if len(model.points) == 0:
        raise CameraError(
            "No point could be triangulated",
            "the frames do not match each other under these poses",
            "Check that poses are camera-to-world of these frames, and that the camera moves.",
        )
    return model


def _triangulate(frames: FrameFolder, trajectory: Trajectory, database: Path, output: Path) -> SparseModel:
    import pycolmap

    output.mkdir()
    model = pycolmap.Reconstruction()
    index = {name: i for i, name in enumerate(frames.names)}
    with pycolmap.Database.open(database) as opened:
        for camera in opened.read_all_cameras():
            model.add_camera_with_trivial_rig(camera)
        for image in opened.read_all_images():
            pose = pycolmap.Rigid3d(trajectory.world_to_camera[index[image.name], :3])
            model.add_image_with_trivial_frame(image, pose)
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = SEED
    solved = pycolmap.triangulate_points(model, database, frames.folder, output, options=options)
    return sparse_model(solved, frames.names)
