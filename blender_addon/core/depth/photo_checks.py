"""Checks that a photo and a depth map are one scene, over sizes and numbers alone."""

from __future__ import annotations

import numpy as np

from ..arrays import Float32
from ..errors import PhotoError
from .depth_mesh import DepthMesh
from .depth_question import SPARSE


def check_aspect(photo_size: tuple[int, int], depth_size: tuple[int, int]) -> None:
    """Raise PhotoError unless the depth map has the photo's aspect, within one pixel.

    Args:
        photo_size: (width, height) pixels.
        depth_size: (width, height) pixels, of any resolution.

    Raises:
        PhotoError: the aspects differ.
    """
    if same_aspect(photo_size, depth_size):
        return
    turned = same_aspect(photo_size, depth_size[::-1])
    raise PhotoError(
        "The depth map does not fit the photo",
        f"photo {photo_size[0]} x {photo_size[1]}, depth {depth_size[0]} x {depth_size[1]}, which is another aspect",
        "One of them is turned by 90 degrees." if turned else "Export the depth again with the photo's whole frame.",
    )


def same_aspect(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether a picture of another size has this one's aspect, within one pixel of its own."""
    ratio = size[0] / size[1]
    return abs(other[0] / ratio - other[1]) <= 1 or abs(other[1] * ratio - other[0]) <= 1


def check_depth(depth: Float32) -> None:
    """Raise PhotoError unless the depth map can be a scene. Whether it is in metres, depth_question.py asks.

    Args:
        depth: [h, w] float32 metres along z, NaN where unknown.

    Raises:
        PhotoError: nothing is known, or most of what is known is not positive.
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


def check_faces(mesh: DepthMesh) -> None:
    """Raise PhotoError when a depth map makes points but no surface.

    Raises:
        PhotoError: the mesh has no faces.
    """
    if len(mesh.quads) or len(mesh.triangles):
        return
    known = np.isfinite(mesh.grid.depth)
    beside = (known[:, 1:] & known[:, :-1]).any() or (known[1:] & known[:-1]).any()
    raise PhotoError(
        "The depth makes no surface",
        f"{known.mean():.0%} of the mesh's points have depth, and none forms a face with its neighbours",
        "Neighbouring depths jump too much: raise Depth Edge (under Mesh), or check the unit."
        if known.mean() > SPARSE and beside
        else "It is too sparse, as a car's LiDAR is: have the photo's depth estimated instead (Estimate Depth; "
        "`realcam depth predict`), and use this one to check its scale.",
    )
