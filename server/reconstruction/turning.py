"""The camera that only turns: rotations alone that explain tracks best, as if every point were infinitely far away."""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float64

from .track_points import viewing_rays
from .tracks import Tracks

HALF_WEIGHT = 2.0
"""Pixels at which an observation's weight is half."""
ALIGNMENTS, ROUNDS = 8, 15
"""Steps in which a frame joins the others, and rounds in which all are turned again."""
PLACES, MEANS = (0.0, 0.5, 1.0, 0.25, 0.75), 2
"""Observations that a track's direction is first taken from, by how far each is along the track; steps to the mean."""
FEWEST_SHARED = 12
"""Tracks that a frame must share with the frames that are placed already."""


def turned(tracks: Tracks, intrinsics: Float64) -> tuple[Float64, Float64]:
    """The rotations and directions that fit the tracks best.

    Args:
        tracks: what to fit.
        intrinsics: [F, 3, 3] pixels.

    Returns:
        ([F, 4, 4] world-to-camera without any shift, NaN for frames that share too few tracks with the others;
        [T, 3] unit directions of the tracks).
    """
    ray = viewing_rays(intrinsics, tracks)
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    wide = HALF_WEIGHT / float(np.median(intrinsics[:, 0, 0]))
    rotation = np.full((tracks.frames, 3, 3), np.nan)
    seen = np.bincount(tracks.frame, minlength=tracks.frames)
    rotation[int(seen.argmax())] = np.eye(3)
    while True:
        direction = _directions(rotation, ray, tracks, wide)
        known = np.isfinite(direction[tracks.track, 0]) & np.isnan(rotation[tracks.frame, 0, 0])
        shared = np.bincount(tracks.frame[known], minlength=tracks.frames)
        frame = int(shared.argmax())
        if shared[frame] < FEWEST_SHARED:
            break
        rotation[frame] = _aligned(direction, ray, tracks, frame, wide)
    for _ in range(ROUNDS):
        direction = _directions(rotation, ray, tracks, wide)
        for frame in np.flatnonzero(np.isfinite(rotation[:, 0, 0])).tolist():
            rotation[frame] = _aligned(direction, ray, tracks, frame, wide, rotation[frame])
    poses = np.tile(np.eye(4), (tracks.frames, 1, 1))
    poses[:, :3, :3] = rotation
    poses[np.isnan(rotation[:, 0, 0])] = np.nan
    return poses, np.nan_to_num(_directions(rotation, ray, tracks, wide))


def _directions(rotation: Float64, ray: Float64, tracks: Tracks, wide: float) -> Float64:
    """[T, 3] the direction of each track over the frames whose rotation is known, NaN where there is none.

    The mean of a track's observations, after the one that most of the others are near: a wrong one does not pull it.

    Args:
        rotation: [F, 3, 3] world-to-camera, NaN where unknown.
        ray: [M, 3] unit directions in each camera.
        tracks: the observations.
        wide: radians at which a direction's weight is half.
    """
    known = np.isfinite(rotation[tracks.frame, 0, 0])
    mine = tracks.only(known)
    there = np.einsum("mji,mj->mi", rotation[mine.frame], ray[known])
    length = np.bincount(mine.track, minlength=mine.count)
    start = np.cumsum(length) - length
    best, least = np.full((mine.count, 3), np.nan), np.full(mine.count, np.inf)
    seen = length > 0
    for place in PLACES:
        direction = np.full((mine.count, 3), np.nan)
        direction[seen] = there[start[seen] + np.round(place * (length[seen] - 1)).astype(np.int64)]
        off = np.linalg.norm(there - direction[mine.track], axis=1) / wide
        cost = np.bincount(mine.track, np.log1p(off**2), mine.count)
        best = np.where((cost < least)[:, None], direction, best)
        least = np.minimum(cost, least)
    for _ in range(MEANS):
        weight = 1 / (1 + (np.linalg.norm(there - best[mine.track], axis=1) / wide) ** 2)
        total = np.stack([np.bincount(mine.track, weight * there[:, axis], mine.count) for axis in range(3)], axis=1)
        best[seen] = total[seen] / np.linalg.norm(total[seen], axis=1, keepdims=True)
    best[~seen] = np.nan
    return best


def _aligned(
    direction: Float64, ray: Float64, tracks: Tracks, frame: int, wide: float, start: Float64 | None = None
) -> Float64:
    """[3, 3] the world-to-camera rotation of a frame that turns known directions into its rays.

    Args:
        direction: [T, 3], NaN where unknown.
        ray: [M, 3].
        tracks: the observations.
        frame: whose rotation is sought.
        wide: radians at which an observation's weight is half.
        start: [3, 3] to weigh by at first; None weighs all alike at first.
    """
    mine = np.flatnonzero((tracks.frame == frame) & np.isfinite(direction[tracks.track, 0]))
    world, camera = direction[tracks.track[mine]], ray[mine]
    rotation = start
    for step in range(ALIGNMENTS if start is None else 1):
        weight = np.ones(len(mine))
        if rotation is not None:
            # From wide to narrow, so that the first steps are not held where they began.
            narrow = wide * (2.0 ** max(ALIGNMENTS - 2 - step, 0) if start is None else 1.0)
            weight = 1 / (1 + (np.linalg.norm(camera - world @ rotation.T, axis=1) / narrow) ** 2)
        left, _, right = np.linalg.svd((weight[:, None] * camera).T @ world)
        rotation = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    assert rotation is not None
    return rotation
