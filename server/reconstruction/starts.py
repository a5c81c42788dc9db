"""Cameras to start an adjustment from: those of COLMAP's two mappers and plain moves; frames that these left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blender_addon.core.arrays import Float64, Int64
from blender_addon.core.camera.trajectory import inverse

from .colmap import camera_poses, load_pycolmap
from .matching import FrameFolder
from .track_points import distances, triangulated
from .tracks import Tracks

if TYPE_CHECKING:
    import pycolmap

FIRST_PAIR_ANGLE = 4.0
"""Degrees between the rays of the two frames that the incremental mapper begins with. A clip's path is short."""
GLOBAL_TRACKS = 1000
"""Tracks that the global mapper places cameras by; the adjustment that follows uses all."""
PLAIN_MOVES = {
    "forwards": (0.0, 0.0, 1.0),
    "backwards": (0.0, 0.0, -1.0),
    "to the right": (1.0, 0.0, 0.0),
    "to the left": (-1.0, 0.0, 0.0),
    "downwards": (0.0, 1.0, 0.0),
    "upwards": (0.0, -1.0, 0.0),
}
"""Directions in OpenCV axes."""
FEWEST_SEEN, NEAR = 20, 8.0
"""Points that a frame is placed by, and pixels up to which one counts."""


def incremental_start(clip: FrameFolder, database: Path, output: Path, seed: int) -> Float64:
    """[F, 4, 4] camera-to-world by COLMAP's incremental mapper, NaN where a frame was not placed.

    Args:
        clip: the frames.
        database: their verified matches.
        output: a folder for the model, which is made.
        seed: of the mapper's random numbers.
    """
    load_pycolmap()
    import pycolmap

    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = seed
    options.multiple_models = options.extract_colors = False
    options.min_model_size = 3
    options.ba_refine_focal_length = options.ba_refine_principal_point = options.ba_refine_extra_params = False
    options.mapper.abs_pose_refine_focal_length = options.mapper.abs_pose_refine_extra_params = False
    options.mapper.init_min_tri_angle = FIRST_PAIR_ANGLE
    output.mkdir()
    return _largest(pycolmap.incremental_mapping(database, clip.folder, output, options), clip.names)


def global_start(clip: FrameFolder, database: Path, output: Path, seed: int) -> Float64:
    """[F, 4, 4] camera-to-world by COLMAP's global mapper (GLOMAP) without its adjustment; as `incremental_start`."""
    load_pycolmap()
    import pycolmap

    options = pycolmap.GlobalPipelineOptions()
    options.random_seed = seed
    options.mapper.global_positioning.use_gpu = False
    options.mapper.keep_max_num_tracks = GLOBAL_TRACKS
    options.mapper.skip_bundle_adjustment = options.mapper.skip_retriangulation = True
    output.mkdir()
    return _largest(pycolmap.global_mapping(database, clip.folder, output, options), clip.names)


def plain_move(turned: Float64, direction: tuple[float, float, float]) -> Float64:
    """[F, 4, 4] camera-to-world: an even move along a direction of the first frame, with given rotations.

    Args:
        turned: [F, 4, 4] world-to-camera without shift, of `turning.turned`, NaN where unknown.
        direction: [3] in the axes of the first known frame.
    """
    first = int(np.argmax(np.isfinite(turned[:, 0, 0])))
    poses = turned[first] @ inverse(turned)
    poses[:, :3, 3] = np.linspace(0.0, 1.0, len(poses))[:, None] * direction
    poses[~np.isfinite(turned[:, 0, 0])] = np.nan
    return np.asarray(poses, dtype=np.float64)


def completed(poses: Float64, tracks: Tracks, intrinsics: Float64, size: tuple[int, int], seed: int) -> Float64:
    """World-to-camera poses, with frames that are unknown placed by the points that they see.

    Args:
        poses: [F, 4, 4] world-to-camera, NaN where unknown.
        tracks: of the clip.
        intrinsics: [F, 3, 3] pixels of `size`.
        size: (width, height) of the frames.
        seed: of RANSAC's random numbers.

    Returns:
        [F, 4, 4] float64; frames that see too few points stay NaN.
    """
    poses = poses.copy()
    given_up: set[int] = set()
    while True:
        known = np.isfinite(poses[:, 0, 0])
        if known.all() or known.sum() < 2:
            return poses
        points = triangulated(poses, intrinsics, tracks)
        miss, _ = distances(poses, points, intrinsics, tracks)
        good = np.bincount(tracks.track[miss < NEAR], minlength=tracks.count) >= 2
        usable = good[tracks.track] & ~known[tracks.frame]
        seen = np.bincount(tracks.frame[usable], minlength=tracks.frames)
        seen[list(given_up)] = 0
        frame = int(seen.argmax())
        if seen[frame] < FEWEST_SEEN:
            return poses
        mine = np.flatnonzero(usable & (tracks.frame == frame))
        pose = _placed_by(points, mine, tracks, intrinsics[frame], size, seed)
        if pose is None:
            given_up.add(frame)
        else:
            poses[frame] = pose


def _placed_by(
    points: Float64, mine: Int64, tracks: Tracks, lens: Float64, size: tuple[int, int], seed: int
) -> Float64 | None:
    """[4, 4] world-to-camera of a frame by the points of its observations `mine`, None when they do not agree."""
    load_pycolmap()
    import pycolmap

    params = lens[[0, 1, 0, 1], [0, 1, 2, 2]].tolist()
    camera = pycolmap.Camera(model="PINHOLE", width=size[0], height=size[1], params=params)
    options = pycolmap.AbsolutePoseEstimationOptions()
    options.ransac.max_error = NEAR
    options.ransac.random_seed = seed
    found = pycolmap.estimate_and_refine_absolute_pose(
        tracks.pixel[mine], points[tracks.track[mine]], camera, estimation_options=options
    )
    if found is None or found["num_inliers"] < FEWEST_SEEN:
        return None
    return np.vstack([found["cam_from_world"].matrix(), [0, 0, 0, 1]])


def _largest(models: dict[int, pycolmap.Reconstruction], names: tuple[str, ...]) -> Float64:
    poses = [camera_poses(model, names) for model in models.values()]
    return max(poses, key=lambda mine: np.isfinite(mine[:, 0, 0]).sum(), default=np.full((len(names), 4, 4), np.nan))
