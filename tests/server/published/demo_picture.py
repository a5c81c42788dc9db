"""How the published demo makes the network's picture of a photo, number for number.

The product does not work so: it knows the photo's lens. This is for comparing a result with the demo's own; the demo's
camera paths are in tests/server/published/published_paths.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float64, UInt8


@dataclass(frozen=True, eq=False)
class DemoPicture:
    """frame [H, W, 3] uint8; intrinsics [3, 3], a 90 degree lens on the longer side; resized: (height, width) before
    the crop."""

    frame: UInt8
    intrinsics: Float64
    resized: tuple[int, int]


def demo_picture(photo: UInt8, size: tuple[int, int]) -> DemoPicture:
    """The photo [h, w, 3] resized to cover `size` (width, height) and cropped in the middle.

    A portrait photo swaps the sides of `size`, which the demo's own sampler then cannot digest unless it is square.
    """
    height, width = photo.shape[:2]
    target_width, target_height = size if width >= height else size[::-1]
    if width * target_height > height * target_width:
        resized = (target_height, int(width * target_height / height))
    else:
        resized = (int(height * target_width / width), target_width)
    picture = np.asarray(Image.fromarray(photo).resize(resized[::-1], Image.Resampling.BILINEAR))
    top, left = (resized[0] - target_height) // 2, (resized[1] - target_width) // 2
    focal = 0.5 * max(resized)
    return DemoPicture(
        frame=picture[top : top + target_height, left : left + target_width],
        intrinsics=np.array([[focal, 0, target_width / 2], [0, focal, target_height / 2], [0, 0, 1]]),
        resized=resized,
    )
