"""The primitives the room is built of. Sizes and places in metres, angles in degrees; Z is up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import bmesh
import bpy
from mathutils import Euler, Matrix, Vector

Point = tuple[float, float, float]


def group(name: str, at: Point, turn: float = 0.0) -> bpy.types.Object:
    """An empty that a piece of furniture hangs on, turned about Z."""
    empty = bpy.data.objects.new(name, None)
    empty.location, empty.rotation_euler = at, (0.0, 0.0, math.radians(turn))
    bpy.context.scene.collection.objects.link(empty)
    return empty


def box(
    name: str,
    size: Point,
    at: Point,
    material: bpy.types.Material,
    parent: bpy.types.Object | None = None,
    *,
    turn: Point = (0.0, 0.0, 0.0),
    bevel: float = 0.004,
) -> bpy.types.Object:
    """A box about its centre `at`, its edges rounded by `bevel` metres."""
    mesh = bmesh.new()
    bmesh.ops.create_cube(mesh, size=1.0)
    bmesh.ops.scale(mesh, vec=Vector(size), verts=mesh.verts)
    made = _object(name, mesh, at, material, parent, turn)
    if bevel:
        _rounded(made, bevel, 3)
    return made


def cushion(
    name: str,
    size: Point,
    at: Point,
    material: bpy.types.Material,
    parent: bpy.types.Object | None = None,
    *,
    turn: Point = (0.0, 0.0, 0.0),
    plump: float = 0.12,
) -> bpy.types.Object:
    """An upholstered box: soft edges, and faces that bulge by `plump` of its thickness."""
    mesh = bmesh.new()
    bmesh.ops.create_cube(mesh, size=1.0)
    bmesh.ops.subdivide_edges(mesh, edges=mesh.edges, cuts=9, use_grid_fill=True)
    for vertex in mesh.verts:
        x, y, z = (2.0 * c for c in vertex.co)
        swell = Vector((_swell(y, z), _swell(x, z), _swell(x, y)))
        # Corners draw in a little, as sewn seams do.
        pinch = 1.0 - 0.10 * (abs(x * y * z) ** 2)
        thin = [min(size) / side for side in size]
        vertex.co = Vector(c * pinch * (1.0 + plump * s * t) for c, s, t in zip(vertex.co, swell, thin, strict=True))
    bmesh.ops.scale(mesh, vec=Vector(size), verts=mesh.verts)
    made = _object(name, mesh, at, material, parent, turn)
    _rounded(made, min(size) * 0.14, 4)
    _smooth(made)
    return made


def lathe(
    name: str,
    profile: Sequence[tuple[float, float]],
    at: Point,
    material: bpy.types.Material,
    parent: bpy.types.Object | None = None,
    *,
    turn: Point = (0.0, 0.0, 0.0),
    steps: int = 64,
    soft: bool = True,
) -> bpy.types.Object:
    """A turned shape: (radius, height) from the bottom up, about Z."""
    rows = [
        [(r * math.cos(a), r * math.sin(a), z) for a in (2 * math.pi * i / steps for i in range(steps))]
        for r, z in profile
    ]
    mesh = bmesh.new()
    rings = [[mesh.verts.new(point) for point in row] for row in rows]
    for low, high in pairwise(rings):
        for i in range(steps):
            mesh.faces.new((low[i], low[(i + 1) % steps], high[(i + 1) % steps], high[i]))
    for ring, up in ((rings[0], False), (rings[-1], True)):
        mesh.faces.new(ring if up else list(reversed(ring)))
    made = _object(name, mesh, at, material, parent, turn)
    if soft:
        _smooth(made)
    return made


def surface(
    name: str,
    place: Callable[[float, float], Point],
    cells: tuple[int, int],
    material: bpy.types.Material,
    parent: bpy.types.Object | None = None,
    *,
    at: Point = (0.0, 0.0, 0.0),
    matrix: Matrix | None = None,
    thickness: float = 0.0,
) -> bpy.types.Object:
    """A sheet: `place` gives the point for (u, v) in 0..1, which are also its texture coordinates."""
    columns, rows = cells
    mesh = bmesh.new()
    uv = mesh.loops.layers.uv.new("UVMap")
    grid = [
        [(mesh.verts.new(place(i / columns, j / rows)), (i / columns, j / rows)) for i in range(columns + 1)]
        for j in range(rows + 1)
    ]
    for j in range(rows):
        for i in range(columns):
            corners = (grid[j][i], grid[j][i + 1], grid[j + 1][i + 1], grid[j + 1][i])
            face = mesh.faces.new([vertex for vertex, _ in corners])
            for loop, (_, coordinate) in zip(face.loops, corners, strict=True):
                loop[uv].uv = coordinate
    made = _object(name, mesh, at, material, parent, (0.0, 0.0, 0.0))
    if matrix is not None:
        made.matrix_local = matrix
    if thickness:
        solid = made.modifiers.new("Thickness", "SOLIDIFY")
        solid.thickness = thickness
    _smooth(made)
    return made


def rod(
    name: str,
    start: Point,
    end: Point,
    radius: float,
    material: bpy.types.Material,
    parent: bpy.types.Object | None = None,
    *,
    tip: float | None = None,
) -> bpy.types.Object:
    """A round rod from start to end; `tip`: its radius there, where it tapers."""
    along = Vector(end) - Vector(start)
    made = lathe(
        name, [(radius, 0.0), (radius if tip is None else tip, along.length)], start, material, parent, steps=24
    )
    made.rotation_euler = along.to_track_quat("Z", "Y").to_euler()
    return made


def _swell(a: float, b: float) -> float:
    return (1.0 - a * a) * (1.0 - b * b)


def _object(
    name: str,
    mesh: bmesh.types.BMesh,
    at: Point,
    material: bpy.types.Material,
    parent: bpy.types.Object | None,
    turn: Point,
) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    mesh.to_mesh(data)
    mesh.free()
    data.materials.append(material)
    made = bpy.data.objects.new(name, data)
    made.location = at
    made.rotation_euler = Euler([math.radians(angle) for angle in turn])
    made.parent = parent
    bpy.context.scene.collection.objects.link(made)
    return made


def _rounded(made: bpy.types.Object, width: float, segments: int) -> None:
    bevel = made.modifiers.new("Bevel", "BEVEL")
    bevel.width, bevel.segments, bevel.limit_method = width, segments, "ANGLE"
    _smooth(made)


def _smooth(made: bpy.types.Object) -> None:
    data = made.data
    data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    data.set_sharp_from_angle(angle=math.radians(50))
