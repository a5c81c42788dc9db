"""The layout drawn over the view: horizon, metres on the floor, walls' edges, outlines, feet and their distances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import blf
import bpy
import numpy as np

from ...core.arrays import Float64
from ...core.depth.depth_facts import metres
from ...core.depth.layout.ground_plane import down_vector
from ...core.depth.layout.layout import CutOut, DepthLayout, Mask, Point
from ...core.depth.layout.region import cut_out_pixels, foot_of
from ...scene import PhotoScene
from ...scene.editing.depth_layout import distances
from ...viewport_drawing import Colour, draw_dots, draw_lines, draw_plate
from .drawing_session import DrawingSession
from .handles import ENDS, handles, horizon_at
from .photo_view import PhotoView

HORIZON: Colour = (1.0, 0.6, 0.1, 1.0)
FLOOR: Colour = (1.0, 1.0, 1.0, 0.25)
WALL: Colour = (0.25, 0.7, 1.0, 1.0)
OUTLINE: Colour = (0.55, 1.0, 0.35, 1.0)
HOVERED: Colour = (1.0, 1.0, 1.0, 1.0)
PLATE: Colour = (0.0, 0.0, 0.0, 0.6)
"""Behind words, which a photo would else swallow."""

ASIDE, AHEAD = 5, 10
"""Squares of the floor that are drawn, to each side and ahead of the camera."""
BORDER_CELLS = 256
"""Along each side of the photo, in which the border of a mask is drawn."""
HANDLE = 10.0
"""Pixels across."""


def draw_session(session: DrawingSession, photo: PhotoScene, layout: DepthLayout, view: PhotoView) -> None:
    """Draw all of it in the present region.

    Args:
        session: For what is held and what is being drawn.
        photo: The photo.
        layout: Its layout, in metres.
        view: The region's.
    """
    if layout.ground is not None and session.mode == "GROUND":
        side = square_side(photo, layout)
        for line in floor_lines(photo, layout, side):
            _line(view, line, FLOOR, 1.0)
        _line(view, [(0.0, horizon_at(layout, 0.0)), (1.0, horizon_at(layout, 1.0))], HORIZON, 2.0)
        _text(
            view,
            (ENDS[0], horizon_at(layout, ENDS[0])),
            "Horizon" if side == 1 else f"Horizon; squares of {side} m",
            HORIZON,
        )
    for wall in layout.walls:
        _line(view, wall.points, WALL, 3.0)
    for cut_out, distance in zip(layout.cut_outs, distances(photo, layout), strict=True):
        if cut_out.mask is not None:
            _lines(view, mask_border(cut_out.mask), OUTLINE, 2.0)
        elif cut_out.outline:
            _line(view, [*cut_out.outline, cut_out.outline[0]], OUTLINE, 2.0)
        _text(view, foot_of(cut_out), f"{cut_out.name}, {metres(distance)} m".lstrip(", "), OUTLINE)
    _draw_handles(session, layout, view)
    if session.drawn:
        colour = WALL if session.mode == "GROUND" else OUTLINE
        _line(view, [*session.drawn, session.mouse], colour, 2.0)
        _dots(view, session.drawn, colour)


def square_side(photo: PhotoScene, layout: DepthLayout) -> int:
    """Metres of the side of the floor's squares: 1, or 10, 100 ... where the photo shows no floor near the camera."""
    assert layout.ground is not None
    down = down_vector(layout.ground.horizon, photo.intrinsics, photo.photo_size)
    lowest = np.linalg.inv(photo.intrinsics) @ (photo.photo_size[0] / 2, photo.photo_size[1], 1.0)
    if lowest @ down <= 1e-6:
        return 1
    nearest = layout.ground.camera_height * np.linalg.norm(lowest) / (lowest @ down)
    return int(10 ** min(max(math.ceil(math.log10(nearest / (AHEAD / 2))), 0), 4))


def floor_lines(photo: PhotoScene, layout: DepthLayout, side: int = 1) -> list[list[Point]]:
    """Lines on the floor `side` metres apart, ahead of the camera, in fractions of the photo; only those in front."""
    assert layout.ground is not None
    down = down_vector(layout.ground.horizon, photo.intrinsics, photo.photo_size)
    ahead = np.array([0.0, 0.0, 1.0]) - down[2] * down
    ahead /= np.linalg.norm(ahead)
    aside = side * np.cross(down, ahead)
    ahead *= side
    below = layout.ground.camera_height * down
    segments = [(below + x * aside, below + x * aside + AHEAD * ahead) for x in range(-ASIDE, ASIDE + 1)]
    segments += [(below + z * ahead - ASIDE * aside, below + z * ahead + ASIDE * aside) for z in range(1, AHEAD + 1)]
    lines = []
    for start, end in segments:
        clipped = _in_front(start, end)
        if clipped is not None:
            lines.append([_place(point, photo) for point in clipped])
    return lines


@lru_cache(maxsize=32)
def mask_border(mask: Mask) -> tuple[Point, ...]:
    """The border of a region as pairs of points, in fractions of the photo; of a fine mask it is drawn coarser."""
    inside = cut_out_pixels(CutOut(mask=mask), (BORDER_CELLS, BORDER_CELLS))
    padded = np.pad(inside, 1)
    rows, columns = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    upright = [((x, y), (x, y + 1)) for y, x in zip(rows, columns, strict=True)]
    rows, columns = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    level = [((x, y), (x + 1, y)) for y, x in zip(rows, columns, strict=True)]
    return tuple((x / BORDER_CELLS, y / BORDER_CELLS) for pair in (*upright, *level) for x, y in pair)


def _in_front(start: Float64, end: Float64) -> tuple[Float64, Float64] | None:
    """The part of a segment that is more than 10 cm in front of the camera."""
    near = 0.1
    if start[2] < near and end[2] < near:
        return None
    if start[2] < near or end[2] < near:
        cut = start + (end - start) * ((near - start[2]) / (end[2] - start[2]))
        return (cut, end) if start[2] < near else (start, cut)
    return start, end


def _place(point: Float64, photo: PhotoScene) -> Point:
    pixel = photo.intrinsics @ (point / point[2])
    return float(pixel[0]) / photo.photo_size[0], float(pixel[1]) / photo.photo_size[1]


def _draw_handles(session: DrawingSession, layout: DepthLayout, view: PhotoView) -> None:
    colours = {"FOOT": OUTLINE, "WALL_POINT": WALL}
    chosen = session.held or session.hovered
    for handle, place in handles(layout):
        if session.mode == "CUT_OUT" and handle.kind != "FOOT":
            continue
        _dots(view, [place], HOVERED if handle == chosen else colours.get(handle.kind, HORIZON))
    if chosen is not None and chosen.kind == "HORIZON":
        _line(view, [(x, horizon_at(layout, x)) for x in ENDS], HOVERED, 2.0)


def _pixels(view: PhotoView, points: Sequence[Point]) -> list[tuple[float, float, float]]:
    pixels = [view.pixel(point) for point in points]
    return [(*pixel, 0.0) for pixel in pixels if pixel is not None]


def _lines(view: PhotoView, ends: Sequence[Point], colour: Colour, width: float) -> None:
    """Draw a line between the points of each pair."""
    draw_lines("LINES", _pixels(view, ends), colour, width)


def _line(view: PhotoView, points: Sequence[Point], colour: Colour, width: float) -> None:
    draw_lines("LINE_STRIP", _pixels(view, points), colour, width)


def _dots(view: PhotoView, points: Sequence[Point], colour: Colour) -> None:
    for size, shade in ((HANDLE + 4, (0.0, 0.0, 0.0, 0.8)), (HANDLE, colour)):
        draw_dots(_pixels(view, points), shade, size)


def _text(view: PhotoView, point: Point, text: str, colour: Colour) -> None:
    pixel = view.pixel(point)
    if pixel is None:
        return
    scale = bpy.context.preferences.system.ui_scale
    blf.size(0, 13 * scale)
    width, height = blf.dimensions(0, text)
    left, bottom, margin = pixel[0] + HANDLE * scale, pixel[1] + HANDLE * scale, 4 * scale
    draw_plate(left - margin, bottom - margin, left + width + margin, bottom + height + margin, PLATE)
    blf.color(0, *colour)
    blf.position(0, left, bottom, 0)
    blf.draw(0, text)
