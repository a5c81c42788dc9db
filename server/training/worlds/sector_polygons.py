"""The floor plan of a sector as triangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blender_addon.core.arrays import Float64

from .wad import NO_SIDE, DoomMap

Loop = list[int]


def sector_edges(doom: DoomMap) -> list[list[tuple[int, int]]]:
    """For each sector the edges of its outline, as pairs of vertices, the sector on their right.

    Lines with the sector on both sides are no part of its outline.
    """
    edges: list[list[tuple[int, int]]] = [[] for _ in doom.sectors]
    sector = doom.sides["sector"]
    for line in doom.lines:
        start, end = int(line["start"]), int(line["end"])
        front = int(sector[line["front"]]) if line["front"] != NO_SIDE else None
        back = int(sector[line["back"]]) if line["back"] != NO_SIDE else None
        if front == back or start == end:
            continue
        if front is not None:
            edges[front].append((start, end))
        if back is not None:
            edges[back].append((end, start))
    return edges


def triangulated(edges: list[tuple[int, int]], vertices: Float64) -> NDArray[np.int64] | None:
    """The triangles of a sector's plan.

    Args:
        edges: of its outline, the sector on their right.
        vertices: [V, 2].

    Returns:
        [T, 3] indices of vertices; None where the outline is not closed, or the triangles do not cover its area.
    """
    loops = _loops(edges, vertices)
    if loops is None:
        return None
    signed = [_area(vertices[loop]) for loop in loops]
    # The sector lies to the right of its edges: outlines run clockwise, holes the other way.
    outer = [loop for loop, area in zip(loops, signed, strict=True) if area < 0]
    holes = [loop for loop, area in zip(loops, signed, strict=True) if area > 0]
    pieces = _with_holes(outer, holes, vertices)
    if pieces is None:
        return None
    found = [_earcut(piece, vertices) for piece in pieces]
    triangles = np.concatenate(found) if found else np.zeros((0, 3), np.int64)
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    covered = np.abs(_cross(b - a, c - a)).sum() / 2
    wanted = -sum(signed)
    return triangles if abs(covered - wanted) <= 1e-6 * max(wanted, 1.0) else None


def _loops(edges: list[tuple[int, int]], vertices: Float64) -> list[Loop] | None:
    """Closed loops of all edges; where several go on from a vertex, the one that turns most to the right."""
    following: dict[int, list[int]] = {}
    for start, end in edges:
        following.setdefault(start, []).append(end)
    loops = []
    while following:
        start = min(following)
        loop, before, here = [start], -1, start
        while True:
            ends = following.get(here)
            if not ends:
                return None
            choice = 0 if before < 0 or len(ends) == 1 else _rightmost(before, here, ends, vertices)
            before, here = here, ends.pop(choice)
            if not ends:
                del following[before]
            if here == start:
                break
            loop.append(here)
        loops.append(loop)
    return loops


def _rightmost(before: int, here: int, ends: list[int], vertices: Float64) -> int:
    came = vertices[here] - vertices[before]
    ways = vertices[ends] - vertices[here]
    turn = np.arctan2(_cross(came[None], ways), ways @ came)
    return int(np.argmin(turn))


def _with_holes(outer: list[Loop], holes: list[Loop], vertices: Float64) -> list[list[Loop]] | None:
    """Each outer loop with the holes in it: a hole belongs to the smallest outline around it."""
    by_size = sorted(outer, key=lambda loop: abs(_area(vertices[loop])))
    pieces = [[loop] for loop in by_size]
    for hole in holes:
        home = next((piece for piece in pieces if _holds(vertices[piece[0]], vertices[hole])), None)
        if home is None:
            return None
        home.append(hole)
    return pieces


def _holds(outline: Float64, hole: Float64) -> bool:
    """Whether a hole lies in an outline: the middle of one of its edges does, a vertex may be shared."""
    if abs(_area(outline)) <= abs(_area(hole)):
        return False
    middles = (hole + np.roll(hole, -1, axis=0)) / 2
    start, end = outline, np.roll(outline, -1, axis=0)
    x, y = middles[:, :1], middles[:, 1:]
    crosses = (start[:, 1] > y) != (end[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = start[:, 0] + (y - start[:, 1]) / (end[:, 1] - start[:, 1]) * (end[:, 0] - start[:, 0])
    inside = (crosses & (at > x)).sum(axis=1) % 2 == 1
    return bool(inside.mean() > 0.5)


def _earcut(piece: list[Loop], vertices: Float64) -> NDArray[np.int64]:
    import mapbox_earcut

    order = np.array([vertex for loop in piece for vertex in loop])
    ends = np.cumsum([len(loop) for loop in piece]).astype(np.uint32)
    found = mapbox_earcut.triangulate_float64(vertices[order], ends)
    return np.asarray(order[np.asarray(found, dtype=np.int64).reshape(-1, 3)], dtype=np.int64)


def _area(points: Float64) -> float:
    """Signed area of a loop, positive when it runs counter-clockwise."""
    return float(_cross(points, np.roll(points, -1, axis=0)).sum() / 2)


def _cross(a: Float64, b: Float64) -> Float64:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])
