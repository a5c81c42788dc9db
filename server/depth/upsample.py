"""Depth of low resolution (a phone's LiDAR) brought to the photo's, guided by the photo's colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates, maximum_filter

from blender_addon.core.depth_cleaning import depth_jumps
from blender_addon.core.errors import PhotoError
from blender_addon.core.shot import Float32, UInt8
from blender_addon.core.trajectory import Float64

from .refine_edges import weighted_median
from .windows import neighbours

RADIUS = 2
"""Depth pixels around the one under a photo pixel that may vote for it."""
COLOUR_SIGMA = 40.0
"""Levels of 255 in which two colours are alike."""
SAME_SURFACE = 0.05
"""Relative difference of depth within one surface, over RADIUS."""
BATCH = 50_000
ASPECT_TOLERANCE = 0.02


def guided_upsample(depth: Float32, photo: UInt8) -> Float32:
    """Depth [h, w] at the size of photo [H, W, 3], both of the same field of view; NaN where no neighbour is known.

    Each photo pixel takes the mean of the depth pixels around it that look like it and lie on one surface (that of the
    weighted median), so that edges fall where the photo's are and nothing floats between two surfaces.
    Raises PhotoError when the aspects differ.
    """
    (height, width), (rows, columns) = photo.shape[:2], depth.shape
    if abs(columns / rows / (width / height) - 1) > ASPECT_TOLERANCE:
        raise PhotoError("The depth does not fit the photo", f"photo {width} x {height}, depth {columns} x {rows}")
    small = np.array(Image.fromarray(photo).resize((columns, rows), Image.Resampling.BOX), dtype=np.float32)
    y = (np.arange(height) + 0.5) * rows / height - 0.5
    x = (np.arange(width) + 0.5) * columns / width - 0.5
    at = np.stack(np.meshgrid(y, x, indexing="ij"))
    # Most pixels see one surface only: there interpolation is as good, and fast.
    result = np.asarray(map_coordinates(depth, at, order=1, mode="nearest", cval=np.nan), dtype=np.float32)
    choosy = _several_surfaces(depth)[np.ix_(_nearest(y, rows), _nearest(x, columns))]
    pixels = np.flatnonzero(choosy)
    for start in range(0, len(pixels), BATCH):
        part = pixels[start : start + BATCH]
        result.flat[part] = _chosen(depth, small, photo.reshape(-1, 3)[part], at.reshape(2, -1)[:, part])
    return result


def _several_surfaces(depth: Float32) -> NDArray[np.bool_]:
    """[h, w] where the depth pixels that may vote are not all known and of one surface."""
    unknown = maximum_filter(~np.isfinite(depth), size=2 * RADIUS + 1)
    return np.asarray(unknown | depth_jumps(depth, 2 * RADIUS + 1, SAME_SURFACE), dtype=np.bool_)


def _nearest(position: Float64, size: int) -> NDArray[np.int64]:
    return np.clip(position.round().astype(np.int64), 0, size - 1)


def _chosen(depth: Float32, small: Float32, colours: UInt8, at: Float64) -> Float32:
    """[N] the depth of photo pixels of `colours` [N, 3] at positions [2, N] (row, column) of the depth map."""
    at_y, at_x = at
    rows, columns = depth.shape
    near_y, near_x, inside = neighbours(_nearest(at_y, rows), _nearest(at_x, columns), RADIUS, depth.shape)
    colour = small[near_y, near_x] - colours[:, None]
    offset = (near_y - at_y[:, None]) ** 2 + (near_x - at_x[:, None]) ** 2
    votes = depth[near_y, near_x]
    weight = np.exp(-(colour**2).sum(-1) / (2 * COLOUR_SIGMA**2) - offset / 2)
    # A colour that nothing around resembles must not divide by zero: nearness alone decides then.
    weight = np.where(inside & np.isfinite(votes), weight + 1e-6 * np.exp(-offset / 2), 0.0)
    middle = weighted_median(votes, weight.astype(np.float32))
    with np.errstate(invalid="ignore"):
        same = np.where(np.abs(votes - middle[:, None]) <= SAME_SURFACE * middle[:, None], weight, 0.0)
    total = same.sum(axis=1)
    mean = np.where(same > 0, votes * same, 0.0).sum(axis=1) / np.where(total > 0, total, np.nan)
    return np.asarray(mean, dtype=np.float32)
