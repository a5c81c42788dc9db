"""What every `realcam depth` command writes, and what it says of that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Float32, UInt8
from blender_addon.core.camera.focal_length import FocalSource, PhotoLens
from blender_addon.core.depth.depth_facts import depth_facts
from blender_addon.core.errors import PhotoError
from server.terminal.plain_console import say


def write_depth(target: Path, depth: Float32, lens: PhotoLens) -> None:
    """Write the NPZ and say what it holds.

    Args:
        target: the NPZ.
        depth: [h, w] metres along z, NaN where unknown.
        lens: of the photo.
    """
    with target.open("wb") as file:
        np.savez_compressed(file, depth=depth, intrinsics=lens.intrinsics)
    facts = depth_facts(depth)
    say(f"{target}: {depth.shape[1]} x {depth.shape[0]}, {facts.words if facts else 'no depth'}")
    say(f"Focal length: {lens.words}")
    if lens.source is FocalSource.CALIBRATED:
        k = lens.intrinsics
        say(f"Elsewhere give --intrinsics {k[0, 0]:.6g},{k[1, 1]:.6g},{k[0, 2]:.6g},{k[1, 2]:.6g}")


def save_picture(target: Path, picture: UInt8) -> None:
    """Write a picture [h, w, 3].

    Raises:
        PhotoError: the name's ending is of no kind of picture.
    """
    try:
        Image.fromarray(picture).save(target)
    except ValueError as error:
        raise PhotoError("The overlay is of no kind of picture", target.name, "Name it .png or .jpg.") from error
