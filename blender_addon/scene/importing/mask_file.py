"""A mask picture as the region of a cut-out."""

from __future__ import annotations

from pathlib import Path

from ...core.depth.layout.layout import Mask
from ...core.depth.layout.region import region_of_mask
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
    size = layout_size((marked.shape[1], marked.shape[0]))
    return Mask.of(region_of_mask(marked, path.name, photo_size, size))
