"""How much of each frame the photo sees, and the check that it sees something."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Float64, UInt8
from ..errors import ShotError


def coverage(preview: UInt8) -> Float64:
    """The share of each frame that the photo sees, [F] float64 in 0..1.

    Args:
        preview: [F, H, W, 4] uint8, alpha above 0 where the photo sees.
    """
    return np.asarray((preview[..., 3] > 0).mean(axis=(1, 2)), dtype=np.float64)


def check_seen(shares: ArrayLike) -> None:
    """Refuse a shot of which no frame shows anything of the photo.

    Args:
        shares: [F] the coverage of each frame, measured or estimated.

    Raises:
        ShotError: all of them are 0.
    """
    found = np.asarray(shares, dtype=np.float64)
    if not found.any():
        raise ShotError(
            "The camera never sees the photo's mesh",
            f"coverage is 0 in all {len(found)} frames",
            "Point it at the mesh, or move it closer. On the command line, check that the camera file is in metres and "
            "relative to the photo's camera, or use --start-at-photo.",
        )
