"""Bundle adjustment of given cameras to tracks, by pycolmap (Ceres); intrinsics stay fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from blender_addon.core.arrays import Float64

from .colmap import load_pycolmap
from .track_points import distances, triangulated
from .tracks import Tracks

if TYPE_CHECKING:
    import pycolmap

WIDTHS = (8.0, 3.0, 2.0, 2.0)
"""Pixels: how far off an observation may be and still pull fully, from round to round. Wide at first, because the
cameras that a round starts from may be far off.
"""
LOSS_SHARE = 0.5
"""Scale of the Cauchy loss as a share of a round's width."""
KEPT_WITHIN, KEPT_AT_FIRST = 5.0, 20.0
"""Times a round's width beyond which an observation is left out of that round, and of the first round."""
STEPS = 50
"""Of the solver in a round at most."""
FEWEST_OBSERVATIONS = 12
"""Of a frame that takes part in a round."""


def adjusted(poses: Float64, tracks: Tracks, intrinsics: Float64, size: tuple[int, int], scale: float = 1.0) -> Float64:
    """The cameras that fit the tracks best near the given ones.

    Args:
        poses: [F, 4, 4] world-to-camera, NaN where unknown.
        tracks: what to fit.
        intrinsics: [F, 3, 3] pixels of `size`.
        size: (width, height) of the frames.
        scale: factor on WIDTHS.

    Returns:
        [F, 4, 4] float64 world-to-camera, NaN where unknown and where a frame has fewer than FEWEST_OBSERVATIONS that
        are near enough.
    """
    poses = _unit_path(poses)
    for step, width in enumerate(WIDTHS):
        points = triangulated(poses, intrinsics, tracks)
        miss, _ = distances(poses, points, intrinsics, tracks)
        near = miss < scale * width * (KEPT_WITHIN if step else KEPT_AT_FIRST)
        near &= np.bincount(tracks.track[near], minlength=tracks.count)[tracks.track] >= 2
        held = np.bincount(tracks.frame[near], minlength=tracks.frames) >= FEWEST_OBSERVATIONS
        poses = np.where(held[:, None, None], poses, np.nan)
        near &= held[tracks.frame]
        near &= np.bincount(tracks.track[near], minlength=tracks.count)[tracks.track] >= 2
        if np.isfinite(poses).all(axis=(1, 2)).sum() < 2:
            return np.full_like(poses, np.nan)
        poses = _bundled(poses, points, tracks.only(near), intrinsics, size, scale * width * LOSS_SHARE)
    return poses


def _unit_path(poses: Float64) -> Float64:
    """Cameras seen from the first known one, their path one unit long, so that the solver's limits mean the same."""
    known = np.isfinite(poses).all(axis=(1, 2))
    if not known.any():
        return poses
    seen = np.asarray(poses @ np.linalg.inv(poses[np.argmax(known)]), dtype=np.float64)
    length = np.nanmax(np.linalg.norm(seen[:, :3, 3], axis=1))
    seen[:, :3, 3] /= length if length > 0 else 1.0
    return seen


def _bundled(
    poses: Float64, points: Float64, tracks: Tracks, intrinsics: Float64, size: tuple[int, int], loss: float
) -> Float64:
    load_pycolmap()
    import pycolmap

    known = np.isfinite(poses).all(axis=(1, 2))
    model = _model(poses, points, tracks, intrinsics, size)
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_focal_length = options.refine_principal_point = options.refine_extra_params = False
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = loss
    options.ceres.solver_options.max_num_iterations = STEPS
    options.ceres.solver_options.function_tolerance = 1e-6
    config = pycolmap.BundleAdjustmentConfig()
    for frame in np.flatnonzero(known).tolist():
        config.add_image(frame + 1)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    pycolmap.create_default_bundle_adjuster(options, config, model).solve()
    result = np.full_like(poses, np.nan)
    for frame in np.flatnonzero(known).tolist():
        result[frame] = np.vstack([model.image(frame + 1).cam_from_world().matrix(), [0, 0, 0, 1]])
    return result


def _model(
    poses: Float64, points: Float64, tracks: Tracks, intrinsics: Float64, size: tuple[int, int]
) -> pycolmap.Reconstruction:
    """A COLMAP model whose image F + 1 is frame F; frames without a pose are not in it."""
    import pycolmap

    model = pycolmap.Reconstruction()
    place = np.zeros(len(tracks.frame), np.int64)
    for frame in range(tracks.frames):
        if not np.isfinite(poses[frame]).all():
            continue
        lens = intrinsics[frame][[0, 1, 0, 1], [0, 1, 2, 2]].tolist()
        model.add_camera_with_trivial_rig(
            pycolmap.Camera(model="PINHOLE", width=size[0], height=size[1], params=lens, camera_id=frame + 1)
        )
        mine = np.flatnonzero(tracks.frame == frame)
        place[mine] = np.arange(len(mine))
        image = pycolmap.Image(name=str(frame), keypoints=tracks.pixel[mine], camera_id=frame + 1, image_id=frame + 1)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(poses[frame, :3]))
    numbers, starts = np.unique(tracks.track, return_index=True)
    elements = list(zip((tracks.frame + 1).tolist(), place.tolist(), strict=True))
    for number, begin, end in zip(numbers.tolist(), starts, [*starts[1:], len(elements)], strict=True):
        track = pycolmap.Track()
        for image_id, point in elements[begin:end]:
            track.add_element(image_id, point)
        model.add_point3D(points[number], track)
    return model
