"""The frame of a rendered world that the nano network makes a clip of. Its map was not among those trained on."""

from __future__ import annotations

from math import radians
from pathlib import Path

from blender_addon.core.arrays import Float64
from blender_addon.core.camera.projection import intrinsics_from_fov

FOLDER = Path(__file__).with_name("world")
PHOTO, DEPTH = FOLDER / "photo.png", FOLDER / "depth.png"
"""192 x 192 sRGB, and its exact depth in 16-bit millimetres along z."""
SIZE = (192, 192)
"""(width, height), pixels."""
CAPTION = "a lit room with tiles, stone, grey"
"""As the network was trained to read it."""


def world_intrinsics() -> Float64:
    """[3, 3] of the photo, pixels."""
    return intrinsics_from_fov(*SIZE, radians(77.78358831328283))
