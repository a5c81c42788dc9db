"""Changes of a layout, one at a time, as a tool or a field makes them: each returns the changed layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

from msgspec.structs import replace

from .layout import CutOut, DepthLayout, Ground, Point, Wall

Part = Literal["WALL", "CUT_OUT"]
"""What a layout has several of."""

T = TypeVar("T")


def scaled_layout(layout: DepthLayout, factor: float) -> DepthLayout:
    """The same layout, of a scene `factor` times as large: every length in metres is multiplied."""

    def times(metres: float | None) -> float | None:
        return None if metres is None else metres * factor

    ground = layout.ground
    if ground is not None:
        ground = replace(ground, camera_height=ground.camera_height * factor, ceiling=times(ground.ceiling))
    return replace(
        layout,
        ground=ground,
        walls=tuple(replace(wall, height=times(wall.height)) for wall in layout.walls),
        cut_outs=tuple(
            replace(cut_out, distance=times(cut_out.distance), height=cut_out.height * factor)
            for cut_out in layout.cut_outs
        ),
        farthest=times(layout.farthest),
    )


def with_ground(layout: DepthLayout, **changes: object) -> DepthLayout:
    """The layout with these fields of its ground changed; one that has no ground gets the first guess."""
    return replace(layout, ground=replace(layout.ground or Ground(), **changes))


def with_wall(layout: DepthLayout, points: Sequence[Point], name: str = "") -> DepthLayout:
    """The layout with one wall more."""
    wall = Wall(tuple(points), name=name or _free_name("Wall", [wall.name for wall in layout.walls]))
    return replace(layout, walls=(*layout.walls, wall))


def with_wall_points(layout: DepthLayout, index: int, points: Sequence[Point]) -> DepthLayout:
    """The layout with another edge of one wall; without the wall when less than two points are left."""
    if len(points) < 2:
        return without(layout, "WALL", index)
    return with_wall_changed(layout, index, points=tuple(points))


def with_wall_changed(layout: DepthLayout, index: int, **changes: object) -> DepthLayout:
    """The layout with these fields of one wall changed."""
    return replace(layout, walls=_changed(layout.walls, index, replace(layout.walls[index], **changes)))


def with_cut_out(layout: DepthLayout, cut_out: CutOut) -> DepthLayout:
    """The layout with one cut-out more; one without a name gets the next free one."""
    if not cut_out.name:
        cut_out = replace(cut_out, name=_free_name("Cut-out", [other.name for other in layout.cut_outs]))
    return replace(layout, cut_outs=(*layout.cut_outs, cut_out))


def with_cut_out_changed(layout: DepthLayout, index: int, **changes: object) -> DepthLayout:
    """The layout with these fields of one cut-out changed."""
    return replace(layout, cut_outs=_changed(layout.cut_outs, index, replace(layout.cut_outs[index], **changes)))


def without(layout: DepthLayout, part: Part, index: int) -> DepthLayout:
    """The layout without one wall or cut-out."""
    if part == "WALL":
        return replace(layout, walls=(*layout.walls[:index], *layout.walls[index + 1 :]))
    return replace(layout, cut_outs=(*layout.cut_outs[:index], *layout.cut_outs[index + 1 :]))


def _changed(parts: tuple[T, ...], index: int, part: T) -> tuple[T, ...]:
    return (*parts[:index], part, *parts[index + 1 :])


def _free_name(kind: str, taken: Sequence[str]) -> str:
    return next(name for name in (f"{kind} {n}" for n in range(1, len(taken) + 2)) if name not in taken)
