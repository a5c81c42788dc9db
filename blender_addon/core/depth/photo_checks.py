"""Checks that a photo and a depth map are one scene, over sizes and numbers alone."""

from __future__ import annotations

import numpy as np

from ..arrays import Float32
from ..errors import PhotoError

FARTHEST_MEDIAN = 200.0
"""Metres; a median depth above this is probably in another unit."""
NEAREST_MEDIAN = 0.05
"""Metres; a median depth below this is probably in another unit."""


class DoubtfulScaleError(PhotoError):
    """The depth is probably in another unit. The artist may know better and import it with trust_scale."""


def check_aspect(photo_size: tuple[int, int], depth_size: tuple[int, int]) -> None:
    """Raise PhotoError unless the depth map has the photo's aspect, within one pixel.

    Args:
        photo_size: (width, height) pixels.
        depth_size: (width, height) pixels, of any resolution.

    Raises:
        PhotoError: the aspects differ.
    """
    if _same_aspect(photo_size, depth_size):
        return
    turned = _same_aspect(photo_size, depth_size[::-1])
    raise PhotoError(
        "The depth map does not fit the photo",
        f"photo {photo_size[0]} x {photo_size[1]}, depth {depth_size[0]} x {depth_size[1]}, which is another aspect",
        "One of them is turned by 90 degrees." if turned else "Export the depth again with the photo's whole frame.",
    )


def _same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    ratio = size[0] / size[1]
    return abs(other[0] / ratio - other[1]) <= 1 or abs(other[1] * ratio - other[0]) <= 1


def check_depth(depth: Float32, *, trust_scale: bool = False) -> None:
    """Raise PhotoError unless the depth map can be a scene in metres.

    Args:
        depth: [h, w] float32 metres along z, NaN where unknown.
        trust_scale: skip the check of the unit.

    Raises:
        PhotoError: nothing is known, or most of what is known is not positive.
        DoubtfulScaleError: the median is beyond FARTHEST_MEDIAN or nearer than NEAREST_MEDIAN.
    """
    known = depth[np.isfinite(depth)]
    if known.size == 0:
        raise PhotoError(
            "The depth map is empty",
            f"none of its {depth.size} pixels holds a number",
            "Check the file, its channel and the value that stands for no depth.",
        )
    positive = known[known > 0]
    negative = int((known < 0).sum())
    if positive.size < known.size / 2:
        raise PhotoError(
            "Most of the depth is not in front of the camera",
            f"{negative} of {known.size} values are negative, {known.size - positive.size - negative} are zero",
            "Depth counts forward from the camera, in metres: change its sign or its format.",
        )
    median = float(np.median(positive))
    if trust_scale or NEAREST_MEDIAN <= median <= FARTHEST_MEDIAN:
        return
    raise DoubtfulScaleError(
        "The depth does not look like metres",
        f"half of the picture is {'beyond' if median > 1 else 'nearer than'} {median:.4g} m",
        "Millimetres have a Unit of 0.001. If the scene is like that, turn on Trust the Unit (under Depth and Lens; "
        "--trust-unit on the command line).",
    )
