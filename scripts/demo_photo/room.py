"""The living room of the demo photo, its light, and the camera that takes the photo."""

from __future__ import annotations

import math

import bpy
import furniture
from materials import fabric, floorboards, garden, plain, plaster, rug
from mathutils import Vector
from shapes import Point, box, rod, surface

FOCAL_35MM = 26
"""The photo's focal length as its EXIF tells it (35 mm equivalent, by the diagonal)."""
EYE = 1.18
"""Metres from the floor to the camera, which is level and looks along +Y from the origin of X and Y."""
LEFT, RIGHT, BACK, BEHIND, HEIGHT = -2.45, 2.45, 5.6, -1.4, 2.62
"""The walls' places and the ceiling's, metres."""
WINDOW = (-1.75, -0.15, 0.80, 2.24)
"""Left, right, sill and lintel of the window in the back wall, metres."""


def build_room() -> bpy.types.Scene:
    """The scene, replacing what Blender had open."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    _shell()
    _window()
    _light(scene)
    furniture.bookshelf((LEFT + 0.17, 4.05, 0.0), 90.0)
    furniture.sideboard(((WINDOW[0] + WINDOW[1]) / 2, BACK - 0.28, 0.0), 1.5)
    furniture.sofa((1.12, BACK - 0.62, 0.0), 0.0)
    furniture.paintings(BACK - 0.02)
    furniture.floor_lamp((2.22, BACK - 1.28, 0.0))
    surface(
        "rug",
        lambda u, v: (2.9 * (u - 0.5), 1.95 * (v - 0.5), 0.0),
        (2, 2),
        rug("rug"),
        at=(0.1, 3.75, 0.014),
        thickness=0.012,
    )
    furniture.coffee_table((0.10, 3.72, 0.014))
    furniture.armchair((1.34, 3.02, 0.0), -128.0)
    furniture.pouf((-1.05, 3.25, 0.014))
    furniture.big_plant((-1.28, 2.05, 0.0), 7, size=1.12, count=24)
    furniture.side_table((1.12, 1.62, 0.0))
    _camera(scene)
    return scene


def _shell() -> None:
    wall = plaster("wall", "d8d3c6")
    warm = plaster("far wall", "cfc6b2")
    trim = plain("trim", "ece8de", 0.5)
    box(
        "floor",
        (RIGHT - LEFT + 0.4, BACK - BEHIND + 0.4, 0.1),
        (0, (BACK + BEHIND) / 2, -0.05),
        floorboards("floor"),
        bevel=0,
    )
    box(
        "ceiling",
        (RIGHT - LEFT + 0.4, BACK - BEHIND + 0.4, 0.1),
        (0, (BACK + BEHIND) / 2, HEIGHT + 0.05),
        plaster("ceiling", "eeebe3"),
        bevel=0,
    )
    for x in (LEFT - 0.05, RIGHT + 0.05):
        box("side wall", (0.1, BACK - BEHIND + 0.4, HEIGHT), (x, (BACK + BEHIND) / 2, HEIGHT / 2), wall, bevel=0)
        inner = LEFT if x < 0 else RIGHT
        box(
            "skirting",
            (0.02, BACK - BEHIND, 0.09),
            (inner - math.copysign(0.01, inner), (BACK + BEHIND) / 2, 0.045),
            trim,
        )
    left, right, sill, lintel = WINDOW
    for name, x0, x1, z0, z1 in (
        ("beside left", LEFT - 0.1, left, 0.0, HEIGHT),
        ("beside right", right, RIGHT + 0.1, 0.0, HEIGHT),
        ("below", left, right, 0.0, sill),
        ("above", left, right, lintel, HEIGHT),
    ):
        box(name, (x1 - x0, 0.22, z1 - z0), ((x0 + x1) / 2, BACK + 0.11, (z0 + z1) / 2), warm, bevel=0)
    box("back skirting", (RIGHT - LEFT, 0.02, 0.09), (0, BACK - 0.01, 0.045), trim)


def _window() -> None:
    left, right, sill, lintel = WINDOW
    paint = plain("window paint", "f0ece2", 0.4)
    y = BACK + 0.14
    for x in (left + 0.025, right - 0.025, (left + right) / 2):
        box("stile", (0.05, 0.05, lintel - sill), (x, y, (sill + lintel) / 2), paint)
    for z in (sill + 0.025, lintel - 0.025, sill + 0.68 * (lintel - sill)):
        box("rail", (right - left, 0.05, 0.05), ((left + right) / 2, y, z), paint)
    box("sill", (right - left + 0.12, 0.30, 0.03), ((left + right) / 2, BACK + 0.05, sill - 0.015), paint, bevel=0.008)
    linen = fabric("curtain linen", "e9e1d0", weave=300.0, contrast=0.12)
    black = plain("curtain rod", "2a2826", 0.4, metallic=0.5)
    rod(
        "curtain rod",
        (left - 0.32, BACK - 0.09, lintel + 0.14),
        (right + 0.32, BACK - 0.09, lintel + 0.14),
        0.014,
        black,
    )
    for x0, x1, phase in ((left - 0.27, left + 0.12, 0.0), (right - 0.12, right + 0.27, 1.3)):

        def place(u: float, v: float, x0: float = x0, x1: float = x1, phase: float = phase) -> Point:
            gather = 0.75 + 0.25 * v
            middle = (x0 + x1) / 2
            fold = 0.035 * math.sin(u * 2 * math.pi * 6 + phase + 0.4 * math.sin(5 * v))
            return middle + (x0 - middle + (x1 - x0) * u) * gather, BACK - 0.09 + fold, 0.04 + (lintel + 0.10) * v

        surface("curtain", place, (120, 30), linen, thickness=0.004)
    view = surface("garden", lambda u, v: (14 * u - 9, 0.0, 6 * v - 1.6), (2, 2), garden("garden"), at=(0.0, 10.0, 0.0))
    # It is seen, and lights nothing: the sun and the sky do that.
    view.visible_shadow = view.visible_diffuse = view.visible_transmission = False


def _light(scene: bpy.types.Scene) -> None:
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.62, 0.78, 1.0, 1.0)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 1.6
    scene.world = world
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy, sun.color, sun.angle = 22.0, (1.0, 0.83, 0.62), math.radians(1.2)
    # It stands outside, behind the window and to its left.
    _lamp(scene, sun, (0, 0, 0), toward=(0.50, -1.0, -0.66))
    left, right, sill, lintel = WINDOW
    _area(
        scene,
        "daylight",
        ((left + right) / 2, BACK + 0.35, (sill + lintel) / 2),
        (right - left, lintel - sill),
        (0, -1, -0.1),
        75.0,
        (0.80, 0.90, 1.0),
    )
    # The rest of the house: other windows, behind and beside the camera.
    _area(scene, "behind", (-0.6, BEHIND + 0.2, 1.7), (3.2, 1.6), (0.1, 1, -0.12), 62.0, (1.0, 0.94, 0.86))
    _area(scene, "right window", (RIGHT - 0.03, 1.4, 1.6), (1.7, 1.5), (-1, 0.5, -0.2), 55.0, (0.90, 0.95, 1.0))


def _area(
    scene: bpy.types.Scene, name: str, at: Point, size: tuple[float, float], toward: Point, energy: float, colour: Point
) -> None:
    light = bpy.data.lights.new(name, "AREA")
    light.shape, light.size, light.size_y = "RECTANGLE", size[0], size[1]
    light.energy, light.color = energy, colour
    _lamp(scene, light, at, toward).visible_camera = False


def _lamp(scene: bpy.types.Scene, light: bpy.types.Light, at: Point, toward: Point) -> bpy.types.Object:
    lamp = bpy.data.objects.new(light.name, light)
    lamp.location = at
    lamp.rotation_euler = Vector(toward).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(lamp)
    return lamp


def _camera(scene: bpy.types.Scene) -> None:
    data = bpy.data.cameras.new("photo camera")
    data.clip_start, data.clip_end = 0.05, 50.0
    camera = bpy.data.objects.new("photo camera", data)
    camera.location, camera.rotation_euler = (0.0, 0.0, EYE), (math.pi / 2, 0.0, 0.0)
    scene.collection.objects.link(camera)
    scene.camera = camera
