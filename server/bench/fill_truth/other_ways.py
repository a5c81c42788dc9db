"""Other ways to fill the holes of a picture, to stand beside the draft engine's: they see one frame and no depth.

Telea's fast marching (OpenCV) and PatchMatch (PyPatchMatch) are measured where these packages are installed:
`uv pip install opencv-python-headless pypatchmatch`. The project needs them for nothing else.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

import numpy as np
from scipy.ndimage import distance_transform_edt

from blender_addon.core.arrays import Bool, UInt8

Way = Callable[[UInt8, Bool], UInt8]
"""Fills the hole [H, W] of a picture [H, W, 3]."""
TELEA_RADIUS = 3
"""Pixels around a pixel that are averaged."""
PATCH_RADIUS = 3
"""Pixels; the one of PyPatchMatch's examples."""


def nearest(picture: UInt8, hole: Bool) -> UInt8:
    """[H, W, 3] each pixel of the hole as the nearest one that is seen."""
    rows, columns = distance_transform_edt(hole, return_distances=False, return_indices=True)
    return np.asarray(picture[rows, columns], dtype=np.uint8)


def biharmonic(picture: UInt8, hole: Bool) -> UInt8:
    """[H, W, 3] a biharmonic surface through each hole's border. Needs scikit-image."""
    from skimage.restoration import inpaint_biharmonic

    filled = inpaint_biharmonic(picture, hole, channel_axis=-1, split_into_regions=True)
    return np.asarray((filled * 255).clip(0, 255), dtype=np.uint8)


def telea(picture: UInt8, hole: Bool) -> UInt8:
    """[H, W, 3] Telea, An Image Inpainting Technique Based on the Fast Marching Method, 2004. Needs OpenCV."""
    cv2 = importlib.import_module("cv2")
    filled = cv2.inpaint(np.ascontiguousarray(picture), hole.astype(np.uint8), TELEA_RADIUS, cv2.INPAINT_TELEA)
    return np.asarray(filled, dtype=np.uint8)


def patch_match(picture: UInt8, hole: Bool) -> UInt8:
    """[H, W, 3] Barnes et al., PatchMatch, 2009, with the inpainting of its authors. Needs PyPatchMatch."""
    module = importlib.import_module("patchmatch.patch_match")
    module.set_random_seed(0)
    filled = module.inpaint(np.ascontiguousarray(picture), hole.astype(np.uint8) * 255, patch_size=PATCH_RADIUS)
    return np.asarray(filled, dtype=np.uint8)


def available_ways() -> dict[str, Way]:
    """The ways that can be taken here, by name."""
    needs = {"cv2": {"Telea": telea}, "patchmatch": {"PatchMatch": patch_match}}
    ways: dict[str, Way] = {"nearest pixel": nearest, "biharmonic": biharmonic}
    for package, more in needs.items():
        if importlib.util.find_spec(package) is not None:
            ways |= more
    return ways
