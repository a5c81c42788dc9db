"""A picture of a photo's layout: its surfaces in colours, with lines on the floor and at heights, to judge it by."""

from __future__ import annotations

import numpy as np
from PIL import Image

from blender_addon.core.arrays import Bool, Float64, UInt8
from blender_addon.core.camera.projection import scaled_intrinsics, unproject
from blender_addon.core.depth.layout.ground_plane import down_vector
from blender_addon.core.depth.layout.layout import Ground
from blender_addon.core.depth.layout.surfaces import CEILING, CUT_OUT, FLOOR, WALL, LayoutSurfaces

COLOURS = {FLOOR: (60, 200, 90), CEILING: (200, 80, 200), WALL: (60, 130, 255), CUT_OUT: (255, 140, 40)}
"""sRGB of each kind of surface; what stands nowhere stays as the photo is."""
TINT = 0.3
"""Share of a surface's colour in the picture, between the lines."""


def line_spacing(camera_height: float) -> float:
    """Metres between lines: the power of ten nearest below the camera's height, 1 for someone who stands."""
    return float(10.0 ** np.floor(np.log10(camera_height)))


def layout_overlay(photo: UInt8, surfaces: LayoutSurfaces, ground: Ground, intrinsics: Float64) -> UInt8:
    """The photo in its surfaces' colours, with lines every line_spacing: a grid on the floor, heights on what stands.

    Args:
        photo: [H, W, 3] uint8.
        surfaces: [h, w] of the layout, of any size.
        ground: of the layout.
        intrinsics: [3, 3] in pixels of the photo.

    Returns:
        [h, w, 3] uint8.
    """
    height, width = surfaces.depth.shape
    size, photo_size = (width, height), (photo.shape[1], photo.shape[0])
    picture = np.array(Image.fromarray(photo).resize(size, Image.Resampling.BOX), dtype=np.float64)
    lens = scaled_intrinsics(intrinsics, photo_size, size)
    down = down_vector(ground.horizon, lens, size)
    points = unproject(np.where(np.isfinite(surfaces.depth), surfaces.depth, np.nan), lens)
    lines = _lines(points, down, ground.camera_height, surfaces.shows(FLOOR))
    for surface, colour in COLOURS.items():
        where = surfaces.shows(surface)
        picture[where] += TINT * (colour - picture[where])
        picture[where & lines] = colour
    return picture.astype(np.uint8)


def _lines(points: Float64, down: Float64, camera_height: float, floor: Bool) -> Bool:
    """[h, w], where a grid line of the floor, or of heights elsewhere, is crossed to the next pixel."""
    right = np.cross(down, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    across, forward, height = points @ right, points @ np.cross(right, down), camera_height - points @ down
    # A point of the floor has no height but for rounding: only the grid counts there.
    cells = [np.where(floor, across, 0.0), np.where(floor, forward, 0.0), np.where(floor, 0.0, height)]
    lines = np.zeros(floor.shape, np.bool_)
    for cell in cells:
        number = np.floor(np.nan_to_num(cell) / line_spacing(camera_height))
        lines[:, 1:] |= number[:, 1:] != number[:, :-1]
        lines[1:] |= number[1:] != number[:-1]
    return lines
