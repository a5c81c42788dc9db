"""A map as textured triangles in metres: floors, ceilings, and the upper, lower and middle parts of walls.

World axes are OpenCV's: x east, y down, z north. Doors are closed as the map stores them. Gratings, things and moving
parts are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float32, Float64

from .sector_polygons import sector_edges, triangulated
from .wad import NO_SIDE, DoomMap, text

METRES = 1 / 32
"""Metres in one of Doom's units: its player, 56 units tall, is then 1.75 m, with eyes at 1.28 m."""
SKY_FLAT, SKY = "F_SKY1", "sky"
"""The flat that stands for the open sky, and the material that it becomes."""
UPPER_UNPEGGED, LOWER_UNPEGGED = 8, 16
"""Flags of a line."""
CONTRAST = 16
"""Light by which walls along y are brighter, and walls along x darker, than their sector, as the game draws them."""

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Triangles of a map.

    Attributes:
        corners: [T, 3, 3] float64 metres.
        material: [T] index into `names`.
        names: of the pictures: "flat NAME", "wall NAME", or SKY.
        texture: [T, 2, 4] float64: texel coordinates (u, v) of a world point p are texture @ (p, 1).
        light: [T] 0..255.
        sector: [T] of the map: whose floor or ceiling it is, or whose wall it is.
        is_floor: [T] bool.
        surface: [T] number of the floor, ceiling or part of a wall that it belongs to.
        tint: [T, 3] float32 factors on linear light.
        texel: size of a texel, metres.
        broken: sectors whose plan is not closed: they have no floor and ceiling.
    """

    corners: Float64
    material: NDArray[np.int64]
    names: tuple[str, ...]
    texture: Float64
    light: Float64
    sector: NDArray[np.int64]
    is_floor: NDArray[np.bool_]
    surface: NDArray[np.int64]
    tint: Float32
    broken: tuple[int, ...]
    texel: float = METRES


@dataclass
class _Collected:
    """Surfaces while they are gathered."""

    corners: list[Float64] = field(default_factory=list)
    material: list[str] = field(default_factory=list)
    texture: list[Float64] = field(default_factory=list)
    light: list[float] = field(default_factory=list)
    sector: list[int] = field(default_factory=list)
    is_floor: list[bool] = field(default_factory=list)
    surface: list[int] = field(default_factory=list)
    surfaces: int = 0

    def add(self, triangles: Float64, material: str, texture: Float64, light: float, sector: int, floor: bool) -> None:
        """Add a surface of triangles [N, 3, 3]."""
        for corners in triangles:
            self._add_triangle(corners, material, texture, light, sector, floor)
        self.surfaces += 1

    def _add_triangle(
        self, corners: Float64, material: str, texture: Float64, light: float, sector: int, floor: bool
    ) -> None:
        self.corners.append(corners)
        self.material.append(material)
        self.texture.append(texture)
        self.light.append(light)
        self.sector.append(sector)
        self.is_floor.append(floor)
        self.surface.append(self.surfaces)


def surfaces_of(doom: DoomMap, texture_sizes: dict[str, Size]) -> Surfaces:
    """The surfaces of a map.

    Args:
        doom: the map.
        texture_sizes: (width, height) of the wall textures by name, in texels.
    """
    found = _Collected()
    broken = []
    for number, edges in enumerate(sector_edges(doom)):
        plan = triangulated(edges, doom.vertices) if edges else np.zeros((0, 3), np.int64)
        if plan is None:
            broken.append(number)
            continue
        _add_plan(found, doom, number, plan)
    for line in doom.lines:
        _add_walls(found, doom, line, texture_sizes)
    names = tuple(sorted(set(found.material)))
    index = {name: i for i, name in enumerate(names)}
    return Surfaces(
        corners=np.stack(found.corners),
        material=np.array([index[name] for name in found.material]),
        names=names,
        texture=np.stack(found.texture),
        light=np.array(found.light),
        sector=np.array(found.sector),
        is_floor=np.array(found.is_floor),
        surface=np.array(found.surface),
        tint=np.ones((len(found.corners), 3), np.float32),
        broken=tuple(broken),
    )


def world_points(plan: Float64, height: Float64 | float) -> Float64:
    """World points [..., 3] in metres of points of the map's plan [..., 2] at heights [...], in Doom's units."""
    z = np.broadcast_to(-np.asarray(height, dtype=np.float64), plan.shape[:-1])
    return np.asarray(np.stack([plan[..., 0], z, plan[..., 1]], axis=-1) * METRES, dtype=np.float64)


def _add_plan(found: _Collected, doom: DoomMap, number: int, plan: NDArray[np.int64]) -> None:
    sector = doom.sectors[number]
    # A flat lies on the map's grid: u east, v south, one texel a unit.
    grid = np.array([[1, 0, 0, 0], [0, 0, -1, 0]]) / METRES
    for height, flat, floor in (("floor", "floor_flat", True), ("ceiling", "ceiling_flat", False)):
        name = text(sector[flat])
        material = SKY if name == SKY_FLAT else f"flat {name}"
        corners = world_points(doom.vertices[plan], float(sector[height]))
        found.add(corners, material, grid, float(sector["light"]), number, floor)


def _add_walls(found: _Collected, doom: DoomMap, line: np.void, sizes: dict[str, Size]) -> None:
    for mine, other, start, end in (("front", "back", "start", "end"), ("back", "front", "end", "start")):
        if line[mine] == NO_SIDE:
            continue
        ends = doom.vertices[[int(line[start]), int(line[end])]]
        side = doom.sides[line[mine]]
        here = doom.sectors[side["sector"]]
        if line[other] == NO_SIDE:
            pegged = "floor" if line["flags"] & LOWER_UNPEGGED else "top"
            _add_wall(found, ends, side, here, "middle", (here["floor"], here["ceiling"]), pegged, sizes)
            continue
        there = doom.sectors[doom.sides[line[other]]["sector"]]
        if there["ceiling"] < here["ceiling"]:
            open_sky = text(here["ceiling_flat"]) == text(there["ceiling_flat"]) == SKY_FLAT
            part = "sky" if open_sky else "upper"
            pegged = "top" if line["flags"] & UPPER_UNPEGGED else "floor"
            bottom = max(there["ceiling"], here["floor"])
            _add_wall(found, ends, side, here, part, (bottom, here["ceiling"]), pegged, sizes)
        if there["floor"] > here["floor"]:
            pegged = "ceiling" if line["flags"] & LOWER_UNPEGGED else "top"
            top = min(there["floor"], here["ceiling"])
            _add_wall(found, ends, side, here, "lower", (here["floor"], top), pegged, sizes)


def _add_wall(
    found: _Collected,
    ends: Float64,
    side: np.void,
    sector: np.void,
    part: str,
    heights: tuple[int, int],
    pegged: str,
    sizes: dict[str, Size],
) -> None:
    """Add a wall's two triangles.

    Args:
        found: is added to.
        ends: [2, 2] in plan, seen from left to right.
        side: its textures and their offsets.
        sector: in front of it.
        part: upper, lower, middle, or sky.
        heights: bottom and top.
        pegged: where the texture begins or ends: its top edge at the wall's "top" or the sector's "ceiling", or its
            bottom edge at the wall's "floor".
        sizes: of the textures.
    """
    bottom, top = float(heights[0]), float(heights[1])
    along = ends[1] - ends[0]
    length = float(np.hypot(*along))
    if top <= bottom or length == 0:
        return
    name = _texture_name(side, part, sizes)
    zero = {"top": top, "ceiling": float(sector["ceiling"]), "floor": bottom + sizes.get(name, (64, 128))[1]}[pegged]
    across = along / length
    # u = along the wall from its left end, v = down from `zero`; both in units, which are texels.
    texture = np.array(
        [
            [across[0] / METRES, 0, across[1] / METRES, float(side["x"]) - across @ ends[0]],
            [0, 1 / METRES, 0, zero + float(side["y"])],
        ]
    )
    light = float(sector["light"])
    if along[1] == 0:
        light -= CONTRAST
    elif along[0] == 0:
        light += CONTRAST
    corners = world_points(ends[[0, 1, 1, 0]], np.array([bottom, bottom, top, top]))
    material = SKY if part == "sky" else f"wall {name}"
    found.add(corners[[[0, 1, 2], [0, 2, 3]]], material, texture, light, int(side["sector"]), False)


def _texture_name(side: np.void, part: str, sizes: dict[str, Size]) -> str:
    """The texture of a wall's part; where the map names none, another one of the same side, as a wall must look."""
    parts = [part, *(name for name in ("middle", "lower", "upper") if name != part)] if part != "sky" else []
    names = [text(side[name]) for name in parts]
    return next((name for name in names if name in sizes), "-")
