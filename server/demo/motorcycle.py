"""The motorcycle of Middlebury 2014 as scikit-image ships it: a photo with structured-light depth.

Scharstein et al., High-resolution stereo datasets with subpixel-accurate ground truth, GCPR 2014.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.projection import intrinsics_matrix

FOCAL = 994.978
"""Pixels; of both axes."""
CX, CY = 311.193, 254.877
"""Principal point, pixels."""
BASELINE = 0.193001
"""Metres."""
DISPARITY_OFFSET = 31.086
"""Pixels between the principal points of the two cameras."""


class Motorcycle(NamedTuple):
    """The photo with its disparity, depth and calibration.

    Attributes:
        photo: [500, 741, 3] uint8.
        disparity: [500, 741] float32 pixels, not finite where unknown.
        depth: [500, 741] float32 metres along z, NaN where unknown.
        intrinsics: [3, 3] float64 pixels.
    """

    photo: NDArray[np.uint8]
    disparity: NDArray[np.float32]
    depth: NDArray[np.float32]
    intrinsics: Float64


def motorcycle() -> Motorcycle:
    """The left photo and its depth, Z = focal * baseline / (disparity + offset). Needs scikit-image."""
    from skimage.data import stereo_motorcycle

    left, _, disparity = stereo_motorcycle()
    disparity = disparity.astype(np.float32)
    known = np.isfinite(disparity)
    depth = np.full(disparity.shape, np.nan, dtype=np.float32)
    depth[known] = FOCAL * BASELINE / (disparity[known] + DISPARITY_OFFSET)
    return Motorcycle(np.ascontiguousarray(left[..., :3]), disparity, depth, intrinsics_matrix(FOCAL, FOCAL, CX, CY))
