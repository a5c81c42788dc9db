"""Depth of low resolution (a phone's LiDAR) brought to the photo's, guided by the photo's colours."""

from __future__ import annotations

import numpy as np
from PIL import Image

from blender_addon.core.errors import PhotoError
from blender_addon.core.shot import Float32, UInt8

from .refine_edges import weighted_median
from .windows import neighbours

RADIUS = 2
"""Depth pixels around the one under a photo pixel that may vote for it."""
COLOUR_SIGMA = 40.0
"""Levels of 255 in which two colours are alike."""
SAME_SURFACE = 0.05
"""Relative difference of depth within one surface, over RADIUS."""
ROWS_AT_ONCE = 64
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
    strips = [
        _strip(depth, photo[top : top + ROWS_AT_ONCE], small, top, height) for top in range(0, height, ROWS_AT_ONCE)
    ]
    return np.concatenate(strips)


def _strip(depth: Float32, photo: UInt8, small: Float32, top: int, height: int) -> Float32:
    """The rows of the result under `photo` [R, W, 3], which begin at row `top` of `height`."""
    rows, columns = depth.shape
    width = photo.shape[1]
    y = (np.arange(top, top + len(photo)) + 0.5) * rows / height - 0.5
    x = (np.arange(width) + 0.5) * columns / width - 0.5
    at_y, at_x = (grid.ravel() for grid in np.meshgrid(y, x, indexing="ij"))
    near_y, near_x, inside = neighbours(
        at_y.round().astype(np.int64), at_x.round().astype(np.int64), RADIUS, depth.shape
    )
    colour = small[near_y, near_x] - photo.reshape(-1, 1, 3)
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
    return np.asarray(mean.reshape(len(photo), width), dtype=np.float32)
