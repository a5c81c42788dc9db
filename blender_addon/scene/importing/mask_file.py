"""A mask picture as the region of a cut-out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.depth.layout.layout import Mask
from ...core.errors import PhotoError
from ...core.photo.photo_file import mask_of
from ..editing.depth_layout import layout_size
from ..photo_file import upright_alpha, upright_pixels


def read_mask(path: Path, photo_size: tuple[int, int]) -> Mask:
    """The region that a picture marks (see mask_of), at the resolution of a laid-out depth at most.

    Args:
        path: The picture, in the photo's shape.
        photo_size: (width, height) of the photo, pixels.

    Raises:
        PhotoError: The picture cannot be read, or has another shape.
    """
    if not path.is_file():
        raise PhotoError("There is no such mask", str(path))
    marked = mask_of(upright_pixels(path), upright_alpha(path))
    height, width = marked.shape
    if abs(width * photo_size[1] - height * photo_size[0]) > max(*photo_size, width, height):
        raise PhotoError(
            "The mask does not fit the photo",
            f"photo {photo_size[0]} x {photo_size[1]}, mask {width} x {height}, which is another shape",
            "Paint it over the photo's whole frame.",
        )
    columns, rows = layout_size((width, height))
    across = ((np.arange(columns) + 0.5) * width / columns).astype(np.int64)
    down = ((np.arange(rows) + 0.5) * height / rows).astype(np.int64)
    return Mask.of(marked[down[:, None], across])
