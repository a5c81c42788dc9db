"""Bring low-resolution depth (a phone's LiDAR, a network's) to the photo's size, guided by the photo's colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...arrays import Bool, Float32, Int64, UInt8
from ..photo_checks import check_aspect
from .windows import depth_jumps, in_batches, neighbours, over_windows, padded, squared_distance, weighted_median

RADIUS = 2
"""Depth pixels each way, around the one under a photo pixel, that are averaged."""
COLOUR_SIGMA = 40.0
"""Levels of 255 in which two colours are alike."""
SAME_SURFACE = 0.05
"""Relative difference of depth within one surface, over RADIUS."""

_LIKENESS = (np.exp(-np.arange(3 * 255**2 + 1) / (2 * COLOUR_SIGMA**2)) + 1e-6).astype(np.float32)
"""Weight by the squared distance of two colours. It is never 0: where nothing around has a similar colour, nearness
alone decides, without a division by zero.
"""


def guided_upsample(depth: Float32, photo: UInt8) -> Float32:
    """Depth at the size of the photo, with its edges where the photo has them.

    Each photo pixel takes the mean of the depth pixels around it that look like it and lie on one surface (that of the
    weighted median), so that no depth appears between two surfaces.

    Args:
        depth: [h, w] float32 metres, NaN where unknown; the same field of view as the photo.
        photo: [H, W, 3] uint8.

    Returns:
        [H, W] float32 metres, NaN where no neighbour is known.

    Raises:
        PhotoError: the aspects differ.
    """
    (height, width), (rows, columns) = photo.shape[:2], depth.shape
    check_aspect((width, height), (columns, rows))
    y = ((np.arange(height, dtype=np.float32) + 0.5) * rows / height - 0.5).astype(np.float32)
    x = ((np.arange(width, dtype=np.float32) + 0.5) * columns / width - 0.5).astype(np.float32)
    # Most pixels see one surface only: there interpolation is as good, and fast.
    result = _interpolated(_interpolated(depth, y).T, x).T.copy()
    nearest_y, nearest_x = _nearest(y, rows), _nearest(x, columns)
    choosy = _several_surfaces(depth)[np.ix_(nearest_y, nearest_x)]
    offsets = np.arange(-RADIUS, RADIUS + 1)
    near_y, near_x = _nearness(y, nearest_y, offsets), _nearness(x, nearest_x, offsets)
    depths_around = padded(depth, RADIUS, np.nan)
    small = np.moveaxis(shrunk(photo, (columns, rows)), -1, 0).astype(np.int32)
    small_around = [padded(channel, RADIUS, 0) for channel in small]
    colours = np.moveaxis(photo, -1, 0).astype(np.int32, order="C")

    def choose(pixels: Int64) -> None:
        row, column = np.divmod(pixels, width)
        around = neighbours(nearest_y[row], nearest_x[column], offsets, columns)
        distance = squared_distance(small_around, around, [channel.take(pixels) for channel in colours])
        votes = depths_around.take(around)
        weights = (near_y[row, :, None] * near_x[column, None, :]).reshape(votes.shape)
        weights *= _LIKENESS.take(distance, mode="clip")
        weights[~np.isfinite(votes)] = 0
        result.flat[pixels] = _mean_of_one_surface(votes, weights)

    in_batches(np.flatnonzero(choosy), choose)
    return result


def shrunk(photo: UInt8, size: tuple[int, int]) -> UInt8:
    """The photo at a smaller size: the mean of the pixels that fall into each.

    Args:
        photo: [H, W, 3] uint8.
        size: (columns, rows) of the result, no larger than the photo.

    Returns:
        [rows, columns, 3] uint8.
    """
    if (photo.shape[1], photo.shape[0]) == size:
        return photo
    sums = photo
    for axis, count in ((0, size[1]), (1, size[0])):
        starts = np.arange(count) * photo.shape[axis] // count
        shape = [1, 1, 1]
        shape[axis] = count
        covered = np.diff(starts, append=photo.shape[axis]).reshape(shape)
        sums = np.add.reduceat(sums, starts, axis=axis, dtype=np.uint32)
        sums = ((sums + covered // 2) // covered).astype(np.uint8)
    return sums


def _interpolated(values: Float32, where: Float32) -> Float32:
    """Rows of values [n, ...] linearly interpolated at positions `where` [N]."""
    first = np.clip(np.floor(where), 0, len(values) - 2).astype(np.int64)
    share = np.clip(where - first, 0, 1).astype(np.float32)[:, None]
    return np.asarray(values[first] * (1 - share) + values[first + 1] * share, dtype=np.float32)


def _several_surfaces(depth: Float32) -> Bool:
    """[h, w] bool, where the depth pixels that are averaged are not all known and of one surface."""
    k = 2 * RADIUS + 1
    unknown = over_windows(np.logical_or, ~np.isfinite(depth), k)
    return np.asarray(unknown | depth_jumps(depth, k, SAME_SURFACE), dtype=np.bool_)


def _nearness(where: Float32, nearest: Int64, offsets: Int64) -> Float32:
    """Weights by distance along one axis.

    Args:
        where: [N] positions.
        nearest: [N] the depth pixel nearest to each.
        offsets: [K] from that pixel.

    Returns:
        [N, K] float32.
    """
    away = nearest[:, None] + offsets - where[:, None]
    return np.asarray(np.exp(-(away**2) / 2), dtype=np.float32)


def _nearest(position: Float32, size: int) -> NDArray[np.int64]:
    return np.clip(position.round().astype(np.int64), 0, size - 1)


def _mean_of_one_surface(votes: Float32, weights: Float32) -> Float32:
    """[N] weighted means of rows of depths [N, K], over those on the surface of the row's weighted median."""
    middle = weighted_median(votes, weights)[:, None]
    with np.errstate(invalid="ignore"):
        same = np.where(np.abs(votes - middle) <= SAME_SURFACE * middle, weights, 0)
        total = np.where(same > 0, votes * same, 0).sum(axis=1)
        return np.asarray(total / same.sum(axis=1), dtype=np.float32)
