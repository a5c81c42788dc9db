"""Points of tracks under cameras that are given, and how far each observation is from its point."""

from __future__ import annotations

import numpy as np

from blender_addon.core.arrays import Float64

from .tracks import Tracks

PAIRS = ((0.0, 1.0), (0.0, 0.5), (0.5, 1.0), (0.25, 0.75), (0.0, 0.75), (0.25, 1.0))
"""Pairs of observations that a track's point is first looked for with: how far each is along the track, 0 to 1."""
STEPS, HALF_WEIGHT = 8, 1.5
"""Steps to a track's point, and pixels at which an observation's weight is half."""
FARTHEST = 1e4
"""Pixels that an infinite distance counts as."""
NEAREST = 1e-3
"""Smallest distance from a camera in the unit of its path, at which weights are cut off."""
RIDGE = 1e-9
"""Share of a point's normal matrix that is added to its diagonal: a track of parallel rays has a point too."""


def distances(poses: Float64, points: Float64, intrinsics: Float64, tracks: Tracks) -> tuple[Float64, Float64]:
    """How far each observation is from where its point is projected.

    Args:
        poses: [F, 4, 4] world-to-camera, NaN where unknown.
        points: [T, 3] in the same world.
        intrinsics: [F, 3, 3] pixels.
        tracks: the observations.

    Returns:
        ([M] pixels, infinite behind a camera and where its pose is unknown; [M] z of the point).
    """
    camera, lens = poses[tracks.frame], intrinsics[tracks.frame]
    seen = np.einsum("mij,mj->mi", camera[:, :3, :3], points[tracks.track]) + camera[:, :3, 3]
    z = seen[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        across = lens[:, 0, 0] * seen[:, 0] / z + lens[:, 0, 2] - tracks.pixel[:, 0]
        down = lens[:, 1, 1] * seen[:, 1] / z + lens[:, 1, 2] - tracks.pixel[:, 1]
        miss = np.hypot(across, down)
    miss[~(z > 0) | ~np.isfinite(miss)] = np.inf
    return miss, z


def triangulated(poses: Float64, intrinsics: Float64, tracks: Tracks) -> Float64:
    """[T, 3] float64, the point of each track, by least squares with little weight on observations that are far off.

    Args:
        poses: [F, 4, 4] world-to-camera; observations of frames with NaN are left out.
        intrinsics: [F, 3, 3] pixels.
        tracks: the observations; a track without any is at the origin.
    """
    tracks = tracks.only(np.isfinite(poses).all(axis=(1, 2))[tracks.frame])
    rotation, shift = poses[tracks.frame, :3, :3], poses[tracks.frame, :3, 3]
    focal = intrinsics[tracks.frame, 0, 0]
    ray = viewing_rays(intrinsics, tracks)
    rows = rotation[:, :2] - ray[:, :2, None] * rotation[:, 2:]
    right = ray[:, :2] * shift[:, 2:] - shift[:, :2]
    points = _first_points(poses, intrinsics, tracks, ray)
    for _ in range(STEPS):
        miss, z = distances(poses, points, intrinsics, tracks)
        weight = (focal / np.maximum(np.abs(z), NEAREST)) ** 2 / (1 + (np.minimum(miss, FARTHEST) / HALF_WEIGHT) ** 2)
        normal = _summed(weight[:, None, None] * np.einsum("mki,mkj->mij", rows, rows), tracks)
        points = _solved(normal, _summed(weight[:, None] * np.einsum("mki,mk->mi", rows, right), tracks))
    return points


def viewing_rays(intrinsics: Float64, tracks: Tracks) -> Float64:
    """[M, 3] float64, each observation's direction in its camera, with z = 1."""
    lens = intrinsics[tracks.frame]
    x = (tracks.pixel[:, 0] - lens[:, 0, 2]) / lens[:, 0, 0]
    y = (tracks.pixel[:, 1] - lens[:, 1, 2]) / lens[:, 1, 1]
    return np.stack([x, y, np.ones(len(x))], axis=1)


def triangulation_angles(poses: Float64, points: Float64, tracks: Tracks) -> Float64:
    """[T] float64 degrees, the largest angle at a track's point between its first observation and any other.

    Args:
        poses: [F, 4, 4] world-to-camera; observations of frames with NaN are left out.
        points: [T, 3].
        tracks: the observations.
    """
    tracks = tracks.only(np.isfinite(poses).all(axis=(1, 2))[tracks.frame])
    camera = poses[tracks.frame]
    ray = points[tracks.track] + np.einsum("mji,mj->mi", camera[:, :3, :3], camera[:, :3, 3])
    ray /= np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-12)
    numbers, starts = np.unique(tracks.track, return_index=True)
    first = np.zeros(tracks.count, np.int64)
    first[numbers] = starts
    other = ray[first[tracks.track]]
    angle = np.arctan2(np.linalg.norm(np.cross(ray, other), axis=1), np.einsum("mi,mi->m", ray, other))
    largest = np.zeros(tracks.count)
    np.maximum.at(largest, tracks.track, angle)
    return np.asarray(np.degrees(largest), dtype=np.float64)


def _first_points(poses: Float64, intrinsics: Float64, tracks: Tracks, ray: Float64) -> Float64:
    """[T, 3] the point nearest to all rays of a track or to two of them, whichever its observations are nearer to.

    A wrong observation pulls the point of all rays away from the others, but not those of pairs without it.
    """
    rotation, shift = poses[tracks.frame, :3, :3], poses[tracks.frame, :3, 3]
    direction = np.einsum("mji,mj->mi", rotation, ray)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    across = np.eye(3) - direction[:, :, None] * direction[:, None]
    centre = np.einsum("mij,mj->mi", across, -np.einsum("mji,mj->mi", rotation, shift))
    length = np.bincount(tracks.track, minlength=tracks.count)
    place = np.arange(len(tracks.track)) - np.repeat(np.cumsum(length) - length, length)
    best, least = np.zeros((tracks.count, 3)), np.full(tracks.count, np.inf)
    for ends in (None, *PAIRS):
        used = np.ones(len(place), np.bool_)
        if ends is not None:
            first, second = (np.round(end * (length - 1))[tracks.track] for end in ends)
            used = (place == first) | (place == second)
        mine = tracks.only(used)
        points = _solved(_summed(across[used], mine), _summed(centre[used], mine))
        miss, _ = distances(poses, points, intrinsics, tracks)
        cost = np.bincount(tracks.track, np.log1p((np.minimum(miss, FARTHEST) / HALF_WEIGHT) ** 2), tracks.count)
        best = np.where((cost < least)[:, None], points, best)
        least = np.minimum(cost, least)
    return best


def _summed(values: Float64, tracks: Tracks) -> Float64:
    """[T, ...] sums over each track's observations of values [M, ...]."""
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    sums = [np.bincount(tracks.track, column, tracks.count) for column in flat.T]
    return np.asarray(np.stack(sums, axis=1).reshape(tracks.count, *values.shape[1:]), dtype=np.float64)


def _solved(normal: Float64, right: Float64) -> Float64:
    ridge = RIDGE * np.trace(normal, axis1=1, axis2=2) + np.finfo(np.float64).tiny
    solved = np.linalg.solve(normal + ridge[:, None, None] * np.eye(3), right[..., None])
    return np.asarray(solved[..., 0], dtype=np.float64)
