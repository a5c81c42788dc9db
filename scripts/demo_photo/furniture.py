"""The pieces of the room. Each hangs on one empty; what is random comes from a seed of the piece's own."""

from __future__ import annotations

import math
import random

import bpy
from materials import fabric, glow, leaf, painting, plain, striped, wood
from mathutils import Euler, Matrix, Vector
from shapes import Point, box, cushion, group, lathe, rod, surface


def sofa(at: Point, turn: float) -> None:
    """Two seats, in petrol; three pillows and a throw."""
    base = group("sofa", at, turn)
    cloth = fabric("sofa cloth", "3f6468")
    legs = wood("sofa legs", "4a2f1c", "7b5535", along=2)
    for x in (-0.92, 0.92):
        for y in (-0.36, 0.36):
            rod("sofa leg", (x, y, 0.16), (x * 1.03, y * 1.05, 0.0), 0.028, legs, base, tip=0.018)
    box("sofa frame", (1.98, 0.86, 0.14), (0, 0, 0.23), cloth, base, bevel=0.04)
    for x in (-0.46, 0.46):
        cushion("seat", (0.90, 0.72, 0.19), (x, -0.06, 0.39), cloth, base, plump=0.09)
        cushion("back", (0.90, 0.24, 0.50), (x, 0.30, 0.64), cloth, base, turn=(-11, 0, 0), plump=0.3)
    for x in (-1.02, 1.02):
        cushion("arm", (0.20, 0.86, 0.46), (x, 0, 0.40), cloth, base, plump=0.05)
    for code, x, size, turned in (
        ("c9902f", -0.70, 0.44, (-22, 8, 14)),
        ("a8492f", -0.42, 0.38, (-28, -7, -12)),
        ("d9cfbd", 0.70, 0.43, (-20, -8, -18)),
    ):
        cushion("pillow", (size, 0.13, size), (x, 0.06 - size * 0.1, 0.66), fabric(f"pillow {code}", code), base,
                turn=turned, plump=0.85)  # fmt: skip
    _throw(base)


def _throw(base: bpy.types.Object) -> None:
    """A blanket over the right arm."""
    across = [(0.76, 0.50), (0.86, 0.640), (0.93, 0.668), (1.03, 0.672), (1.115, 0.655), (1.145, 0.58), (1.152, 0.34)]

    def place(u: float, v: float) -> Point:
        at = v * (len(across) - 1)
        i = min(int(at), len(across) - 2)
        (x0, z0), (x1, z1) = across[i], across[i + 1]
        f = at - i
        fold = 0.012 * math.sin(u * 23) * abs(v - 0.45)
        return x0 + (x1 - x0) * f + fold, -0.30 + 0.42 * u + 0.03 * math.sin(v * 7), z0 + (z1 - z0) * f + 0.006

    cloth = striped("throw", ("e6dcc8", "e6dcc8", "b5563c", "e6dcc8", "2f4a5a"), turns=3.0)
    surface("throw", place, (40, 36), cloth, base, thickness=0.012)


def armchair(at: Point, turn: float) -> None:
    """A wooden chair with loose cushions."""
    base = group("armchair", at, turn)
    oak = wood("chair oak", "7a4d2a", "b5834f", along=2)
    cloth = fabric("chair cloth", "c98f4a", contrast=0.3)
    for x in (-0.33, 0.33):
        rod("front leg", (x, -0.33, 0.56), (x * 1.08, -0.38, 0.0), 0.026, oak, base, tip=0.018)
        rod("back leg", (x, 0.30, 0.60), (x * 1.08, 0.44, 0.0), 0.026, oak, base, tip=0.018)
        box("armrest", (0.075, 0.80, 0.035), (x, 0.0, 0.575), oak, base, turn=(-3, 0, 0), bevel=0.014)
        box("side rail", (0.04, 0.72, 0.06), (x, 0.0, 0.29), oak, base, bevel=0.01)
    for y in (-0.33, 0.30):
        box("rail", (0.66, 0.04, 0.06), (0, y, 0.29), oak, base, bevel=0.01)
    cushion("chair seat", (0.60, 0.66, 0.16), (0, -0.02, 0.40), cloth, base, turn=(4, 0, 0), plump=0.12)
    cushion("chair back", (0.60, 0.17, 0.58), (0, 0.31, 0.72), cloth, base, turn=(-17, 0, 0), plump=0.3)
    cushion("chair pillow", (0.40, 0.13, 0.32), (0, 0.17, 0.62), striped("chair pillow", ("27415a", "e4d8c2"),
            kind="Object", turns=14.0), base, turn=(-22, 5, 0), plump=0.85)  # fmt: skip


def coffee_table(at: Point) -> None:
    """A round table with books, a bowl of fruit and a cup."""
    base = group("coffee table", at)
    walnut = wood("walnut", "432818", "86572f")
    lathe(
        "table top",
        [(0.42, 0.0), (0.445, 0.012), (0.45, 0.022), (0.445, 0.034), (0.43, 0.04)],
        (0, 0, 0.385),
        walnut,
        base,
    )
    for i in range(3):
        angle = math.radians(120 * i + 20)
        x, y = math.cos(angle), math.sin(angle)
        rod("table leg", (0.25 * x, 0.25 * y, 0.39), (0.36 * x, 0.36 * y, 0.0), 0.026, walnut, base, tip=0.016)
    book_stack((-0.20, -0.04, 0.425), 14.0, ("2f4a5a", "d8cbb2", "a8492f"), base)
    bowl = [
        (0.05, 0.0),
        (0.06, 0.012),
        (0.11, 0.03),
        (0.145, 0.075),
        (0.15, 0.085),
        (0.14, 0.08),
        (0.10, 0.035),
        (0.02, 0.02),
    ]
    lathe("bowl", bowl, (0.16, 0.10, 0.425), plain("bowl glaze", "e9e2d3", 0.25), base)
    pick = random.Random(3)
    for code, x, y, z in (
        ("d98c2b", 0.115, 0.09, 0.50),
        ("c9621f", 0.20, 0.075, 0.50),
        ("dba53a", 0.165, 0.155, 0.505),
        ("d07a26", 0.16, 0.10, 0.555),
    ):
        _ball("orange", 0.043 + pick.random() * 0.004, (x, y, z), plain(f"peel {code}", code, 0.4), base)
    cup = [(0.028, 0.0), (0.036, 0.004), (0.040, 0.04), (0.041, 0.085), (0.037, 0.085), (0.035, 0.03), (0.005, 0.02)]
    lathe("cup", cup, (0.06, -0.24, 0.425), plain("cup glaze", "4f7076", 0.3), base)


def side_table(at: Point) -> None:
    """A small table in front, with a vase of dry branches and two books."""
    base = group("side table", at)
    black = plain("black metal", "23221f", 0.4, metallic=0.6)
    top = wood("ash top", "a77d52", "d6b083")
    lathe("side top", [(0.245, 0.0), (0.25, 0.006), (0.25, 0.022), (0.245, 0.028)], (0, 0, 0.64), top, base)
    rod("stem", (0, 0, 0.64), (0, 0, 0.02), 0.022, black, base)
    lathe("foot", [(0.19, 0.0), (0.19, 0.012), (0.03, 0.022)], (0, 0, 0), black, base)
    book_stack((-0.10, -0.09, 0.668), -24.0, ("c9902f", "ded3bd"), base)
    vase = [
        (0.045, 0.0),
        (0.075, 0.02),
        (0.098, 0.08),
        (0.09, 0.15),
        (0.05, 0.215),
        (0.034, 0.25),
        (0.042, 0.275),
        (0.032, 0.27),
        (0.02, 0.2),
    ]
    lathe("vase", vase, (0.02, 0.10, 0.668), plain("vase glaze", "b9532f", 0.35), base)
    pick = random.Random(11)
    straw = plain("straw", "c9ab7c", 0.9)
    for _ in range(9):
        lean, around, long = pick.uniform(0.08, 0.30), pick.uniform(0, 2 * math.pi), pick.uniform(0.30, 0.46)
        tip = (0.02 + lean * math.cos(around) * long * 1.6, 0.10 + lean * math.sin(around) * long * 1.6, 0.90 + long)
        rod("stalk", (0.02, 0.10, 0.86), tip, 0.005, straw, base)
        ear = [(0.004, 0.0), (0.017, 0.03), (0.021, 0.07), (0.013, 0.13), (0.003, 0.16)]
        made = lathe("ear", ear, tip, straw, base, steps=12)
        made.rotation_euler = (Vector(tip) - Vector((0.02, 0.10, 0.86))).to_track_quat("Z", "Y").to_euler()


def bookshelf(at: Point, turn: float) -> None:
    """Five boards full of books, with pots and balls between them."""
    base = group("bookshelf", at, turn)
    oak = wood("shelf oak", "8f6238", "c69c6a", along=0)
    standing = wood("shelf oak upright", "8f6238", "c69c6a", along=2)
    width, height, depth = 1.5, 2.05, 0.30
    for x in (-width / 2, width / 2):
        box("upright", (0.03, depth, height), (x, 0, height / 2), standing, base)
    boards = [0.08 + i * 0.39 for i in range(6)]
    for z in boards:
        box("board", (width, depth, 0.028), (0, 0, z), oak, base)
    box("shelf back", (width, 0.01, height), (0, depth / 2, height / 2), plain("shelf paint", "d8d0bf", 0.8), base)
    pick = random.Random(5)
    codes = ("8c3b2a", "2f4a5a", "c9902f", "d8cbb2", "4f6b4a", "6b4a3a", "b7b09f", "1f2d3a", "a86a4f", "e2d8c4")
    paper = {code: plain(f"book {code}", code, 0.7) for code in codes}
    for row, z in enumerate(boards[:-1]):
        x = -width / 2 + 0.03
        while x < width / 2 - 0.06:
            if pick.random() < 0.09:
                x = _ornament(base, pick, x, z + 0.014)
                continue
            thick, tall, deep = pick.uniform(0.018, 0.050), pick.uniform(0.20, 0.33), pick.uniform(0.16, 0.22)
            if x + thick > width / 2 - 0.02:
                break
            lean = pick.choice((0, 0, 0, 0, 0, 7))
            book = paper[pick.choice(codes)]
            box(
                "book",
                (thick, deep, tall),
                (x + thick / 2 + lean * 0.003, -0.03, z + 0.014 + tall / 2),
                book,
                base,
                turn=(0, -lean, 0),
                bevel=0.003,
            )
            x += thick + 0.002 + lean * 0.006
            if row % 2 and pick.random() < 0.10:
                x += pick.uniform(0.05, 0.14)


def _ornament(base: bpy.types.Object, pick: random.Random, x: float, z: float) -> float:
    """A pot or a ball on a board; returns where the next thing may stand."""
    radius = pick.uniform(0.055, 0.085)
    code = pick.choice(("d9cfbd", "b9532f", "4f7076", "3a3733"))
    material = plain(f"ornament {code}", code, 0.35)
    if pick.random() < 0.5:
        _ball("ball", radius, (x + radius + 0.01, -0.03, z + radius), material, base)
    else:
        profile = [
            (radius * 0.6, 0.0),
            (radius, radius * 0.9),
            (radius * 0.8, radius * 1.8),
            (radius * 0.45, radius * 2.3),
            (radius * 0.55, radius * 2.5),
        ]
        lathe("pot", profile, (x + radius + 0.01, -0.03, z), material, base)
    return x + 2 * radius + 0.03


def book_stack(at: Point, turn: float, codes: tuple[str, ...], parent: bpy.types.Object) -> None:
    """Books that lie on each other, each turned a little."""
    z = at[2]
    leaves = plain("pages", "e8e0cc", 0.9)
    for i, code in enumerate(codes):
        thick, size = 0.028 + 0.008 * (i % 2), 0.23 - 0.025 * i
        angle = (0, 0, turn + 9 * math.sin(2.1 * i))
        cover = plain(f"cover {code}", code, 0.6)
        place = (at[0], at[1], z + thick / 2)
        box("pages", (size * 0.97, size * 0.66, thick * 0.8), place, leaves, parent, turn=angle, bevel=0.002)
        for dz in (-thick * 0.45, thick * 0.45):
            box(
                "cover",
                (size, size * 0.70, thick * 0.1),
                (at[0], at[1], place[2] + dz),
                cover,
                parent,
                turn=angle,
                bevel=0.001,
            )
        back = Matrix.Rotation(math.radians(angle[2]), 3, "Z") @ Vector((0.0, size * 0.345, 0.0))
        box(
            "spine",
            (size, 0.008, thick),
            (at[0] + back.x, at[1] + back.y, place[2]),
            cover,
            parent,
            turn=angle,
            bevel=0.003,
        )
        z += thick


def floor_lamp(at: Point) -> None:
    """A brass lamp with a lit linen shade."""
    base = group("floor lamp", at)
    brass = plain("brass", "b08a4a", 0.3, metallic=1.0)
    lathe("lamp foot", [(0.15, 0.0), (0.15, 0.015), (0.03, 0.03)], (0, 0, 0), brass, base)
    rod("lamp pole", (0, 0, 0.02), (0, 0, 1.50), 0.016, brass, base)
    shade = [(0.21, 0.0), (0.15, 0.30), (0.145, 0.30), (0.205, 0.0)]
    lathe("shade", shade, (0, 0, 1.38), glow("lit linen", "ffdca8", 2.2), base, soft=False)
    bulb = bpy.data.lights.new("bulb", "POINT")
    bulb.energy, bulb.color, bulb.shadow_soft_size = 28.0, (1.0, 0.72, 0.42), 0.08
    lamp = bpy.data.objects.new("bulb", bulb)
    lamp.location, lamp.parent = (0, 0, 1.28), base
    bpy.context.scene.collection.objects.link(lamp)


def big_plant(at: Point, seed: int, *, size: float = 1.0, count: int = 22, pot: str = "d8cfbf") -> None:
    """A plant with broad leaves on arching stalks, in a pot."""
    base = group("plant", at)
    profile = [(0.13, 0.0), (0.15, 0.01), (0.185, 0.30), (0.195, 0.33), (0.18, 0.33), (0.17, 0.29)]
    lathe("plant pot", [(r * size, z * size) for r, z in profile], (0, 0, 0), plain(f"pot {pot}", pot, 0.6), base)
    lathe("soil", [(0.168 * size, 0.0), (0.16 * size, 0.01)], (0, 0, 0.285 * size), plain("soil", "2b1f17", 1.0), base)
    pick = random.Random(seed)
    green = (leaf("leaf", "2f5a2c", "5c8a45"), leaf("young leaf", "4a7a38", "86ad5c"))
    stalk = plain("stalk green", "5f7f45", 0.5)
    for i in range(count):
        around = i * 2.39996 + pick.uniform(-0.2, 0.2)
        high = (0.42 + 0.62 * pick.random() + 0.25 * (1 - i / count)) * size
        out = (0.12 + 0.36 * (i / count) + 0.08 * pick.random()) * size
        root = Vector((0.03 * math.cos(around), 0.03 * math.sin(around), 0.29 * size))
        end = Vector((out * math.cos(around), out * math.sin(around), 0.29 * size + high * (1.0 - 0.35 * i / count)))
        bend = Vector((0.25 * end.x, 0.25 * end.y, 0.29 * size + 0.75 * (end.z - 0.29 * size)))
        rod("stalk", tuple(root), tuple(bend), 0.007 * size, stalk, base)  # type: ignore[arg-type]
        rod("stalk", tuple(bend), tuple(end), 0.006 * size, stalk, base)  # type: ignore[arg-type]
        droop = math.radians(pick.uniform(15, 55) + 30 * i / count)
        _leaf(base, end, around, droop, (0.20 + 0.12 * pick.random()) * size, green[i % 4 == 0], pick)


def _leaf(
    parent: bpy.types.Object, at: Vector, around: float, droop: float, long: float, material: bpy.types.Material,
    pick: random.Random,
) -> None:  # fmt: skip
    """A broad leaf that begins at `at` and hangs outwards, folded along its rib."""
    roll = pick.uniform(-0.4, 0.4)

    def place(u: float, v: float) -> Point:
        side = 2 * u - 1
        half = 0.36 * long * (math.sin(math.pi * min(1.0, v * 1.02)) ** 0.62) * (1.12 - 0.45 * v)
        x = long * v
        z = 0.13 * long * abs(side) - 0.45 * long * v * v + 0.02 * long * math.sin(9 * v) * abs(side)
        return x, side * half, z

    turn = Euler((roll, droop * 0.55, around)).to_matrix().to_4x4()
    surface("leaf", place, (8, 14), material, parent, matrix=Matrix.Translation(at) @ turn)


def picture(at: Point, size: tuple[float, float], material: bpy.types.Material) -> None:
    """A framed picture on the back wall."""
    width, height = size
    base = group("picture", at)
    frame = wood("picture frame", "3a2a1d", "5e442d")
    for x in (-width / 2, width / 2):
        box("frame side", (0.03, 0.03, height + 0.03), (x, 0, 0), frame, base)
    for z in (-height / 2, height / 2):
        box("frame side", (width + 0.03, 0.03, 0.03), (0, 0, z), frame, base)
    box("mat", (width, 0.008, height), (0, 0.004, 0), plain("mat", "efe9dc", 0.9), base, bevel=0)
    box("painting", (width * 0.68, 0.006, height * 0.72), (0, -0.003, 0), material, base, bevel=0)


def paintings(y: float) -> None:
    """Two pictures over the sofa."""
    picture((0.52, y, 1.66), (0.62, 0.80), painting("painting one", ("e8dcc4", "c9902f", "a8492f", "27415a"), 3.1))
    picture(
        (1.30, y, 1.66), (0.62, 0.80), painting("painting two", ("e8dcc4", "4f7076", "d9cfbd", "27415a", "b9532f"), 8.4)
    )


def sideboard(at: Point, width: float) -> None:
    """A low cupboard under the window, with plants and books on it."""
    base = group("sideboard", at)
    teak = wood("teak", "6e4324", "a8703f")
    height, depth = 0.56, 0.40
    box("cupboard", (width, depth, 0.42), (0, 0, 0.34), teak, base, bevel=0.008)
    doors = 3
    for i in range(doors):
        x = (i - (doors - 1) / 2) * width / doors
        box("door", (width / doors - 0.02, 0.02, 0.38), (x, -depth / 2 - 0.004, 0.34), teak, base, bevel=0.004)
        box(
            "grip",
            (0.012, 0.02, 0.10),
            (x + width / doors / 2 - 0.06, -depth / 2 - 0.022, 0.38),
            plain("grip", "b08a4a", 0.3, metallic=1.0),
            base,
        )
    for x in (-width / 2 + 0.1, width / 2 - 0.1):
        for y in (-0.14, 0.14):
            rod("board leg", (x, y, 0.14), (x, y, 0.0), 0.02, teak, base)
    book_stack((-0.08, -0.02, height - 0.008), 6.0, ("4f6b4a", "d8cbb2", "8c3b2a"), base)
    jug = [
        (0.04, 0.0),
        (0.07, 0.01),
        (0.085, 0.07),
        (0.065, 0.15),
        (0.04, 0.20),
        (0.05, 0.235),
        (0.04, 0.23),
        (0.02, 0.15),
    ]
    lathe("jug", jug, (width / 2 - 0.16, 0, height - 0.008), plain("jug glaze", "d9d0be", 0.3), base)
    big_plant((at[0] - width / 2 + 0.24, at[1], height - 0.008), 23, size=0.48, count=20, pot="b9532f")


def pouf(at: Point) -> None:
    """A knitted footstool."""
    base = group("pouf", at)
    profile = [(0.12, 0.0), (0.24, 0.03), (0.29, 0.12), (0.29, 0.22), (0.25, 0.32), (0.14, 0.37), (0.02, 0.375)]
    lathe("pouf", profile, (0, 0, 0), fabric("pouf wool", "d9cdb6", weave=150.0, contrast=0.4), base)


def _ball(
    name: str, radius: float, at: Point, material: bpy.types.Material, parent: bpy.types.Object
) -> bpy.types.Object:
    arc = [math.pi * i / 20 for i in range(1, 20)]
    return lathe(name, [(radius * math.sin(a), -radius * math.cos(a)) for a in arc], at, material, parent, steps=40)
