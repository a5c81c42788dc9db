"""What of a layout can be dragged: the horizon by its ends or as a whole, points of walls, feet of cut-outs.

Pure: points are fractions of the photo, as in the layout itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ...core.depth.layout.layout import DepthLayout, Point
from ...core.depth.layout.layout_edits import with_cut_out_changed, with_ground, with_wall_points, without
from ...core.depth.layout.region import foot_of

ENDS = (0.03, 0.97)
"""Across the photo, where the horizon's handles are drawn: inside it, so that they are in the view."""

HandleKind = Literal["HORIZON_LEFT", "HORIZON_RIGHT", "HORIZON", "WALL_POINT", "FOOT"]


@dataclass(frozen=True)
class Handle:
    """Something that can be dragged.

    Attributes:
        kind: what it is.
        part: number of the wall or the cut-out, from 0.
        point: number of the wall's point, from 0.
    """

    kind: HandleKind
    part: int = 0
    point: int = 0


def horizon_at(layout: DepthLayout, x: float) -> float:
    """The horizon's y at an x; the middle where there is no ground."""
    left, right = layout.ground.horizon if layout.ground is not None else (0.5, 0.5)
    return left + (right - left) * x


def handles(layout: DepthLayout) -> Iterator[tuple[Handle, Point]]:
    """Each handle that is a point, with its place; of two at one place the one that is drawn above comes first."""
    for part, cut_out in enumerate(layout.cut_outs):
        yield Handle("FOOT", part), foot_of(cut_out)
    for part, wall in enumerate(layout.walls):
        for point, place in enumerate(wall.points):
            yield Handle("WALL_POINT", part, point), place
    if layout.ground is not None:
        yield Handle("HORIZON_LEFT"), (ENDS[0], horizon_at(layout, ENDS[0]))
        yield Handle("HORIZON_RIGHT"), (ENDS[1], horizon_at(layout, ENDS[1]))


def handle_under(layout: DepthLayout, mouse: Point, reach: Point) -> Handle | None:
    """The handle below the mouse, the horizon as a whole where the mouse is on its line; None for none.

    Args:
        layout: whose handles.
        mouse: in fractions.
        reach: how far from a handle the mouse may be, in fractions of width and height.
    """
    for handle, (x, y) in handles(layout):
        if ((mouse[0] - x) / reach[0]) ** 2 + ((mouse[1] - y) / reach[1]) ** 2 <= 1:
            return handle
    on_line = layout.ground is not None and abs(mouse[1] - horizon_at(layout, mouse[0])) <= reach[1] / 2
    return Handle("HORIZON") if on_line and 0 <= mouse[0] <= 1 else None


def moved(layout: DepthLayout, handle: Handle, start: Point, mouse: Point) -> DepthLayout:
    """The layout with a handle where the mouse is.

    Args:
        layout: as it was when the drag began.
        handle: what is dragged.
        start: where the mouse was then.
        mouse: where it is now.
    """
    if handle.kind == "WALL_POINT":
        points = list(layout.walls[handle.part].points)
        points[handle.point] = mouse
        return with_wall_points(layout, handle.part, points)
    if handle.kind == "FOOT":
        # Where there is a ground the foot tells the distance; else it is read anew from the photo's own depth.
        return with_cut_out_changed(layout, handle.part, foot=mouse, distance=None)
    by = mouse[1] - start[1]
    ends = [horizon_at(layout, x) for x in ENDS]
    for side, kind in enumerate(("HORIZON_LEFT", "HORIZON_RIGHT")):
        if handle.kind in (kind, "HORIZON"):
            ends[side] += by
    slope = (ends[1] - ends[0]) / (ENDS[1] - ENDS[0])
    left = ends[0] - slope * ENDS[0]
    return with_ground(layout, horizon=(left, left + slope))


def removed(layout: DepthLayout, handle: Handle) -> DepthLayout:
    """The layout without the wall's point, or the cut-out, that a handle belongs to; the horizon stays."""
    if handle.kind == "WALL_POINT":
        points = list(layout.walls[handle.part].points)
        del points[handle.point]
        return with_wall_points(layout, handle.part, points)
    return without(layout, "CUT_OUT", handle.part) if handle.kind == "FOOT" else layout
