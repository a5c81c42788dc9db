"""Procedural materials: no picture is read, so that the room is ours from the first texel on."""

from __future__ import annotations

from typing import Any

import bpy

Colour = tuple[float, float, float]
"""Linear red, green, blue."""


def srgb(code: str) -> Colour:
    """The linear colour of a web code such as "c8a27a"."""
    levels = [int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels)
    return red, green, blue


class Shader:
    """A material under construction: short names for the nodes used here."""

    def __init__(self, name: str, roughness: float = 0.5) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        tree = self.material.node_tree
        self._nodes, self._links = tree.nodes, tree.links
        self.surface = tree.nodes["Principled BSDF"]
        self.set("Roughness", roughness)

    def node(self, kind: str, **settings: Any) -> bpy.types.Node:
        """A new node, its attributes set by name."""
        made = self._nodes.new(f"ShaderNode{kind}")
        for name, value in settings.items():
            setattr(made, name, value)
        return made

    def link(self, source: Any, target: Any) -> None:
        """Connect two sockets."""
        self._links.new(source, target)

    def set(self, name: str, value: Any) -> None:
        """Give the surface a number, a colour or another node's output."""
        socket = self.surface.inputs[name]
        if isinstance(value, bpy.types.NodeSocket):
            self.link(value, socket)
        else:
            socket.default_value = (*value, 1.0) if isinstance(value, tuple) else value

    def coordinates(self, scale: tuple[float, float, float] = (1.0, 1.0, 1.0), kind: str = "Object") -> Any:
        """The texture coordinates, stretched."""
        mapping = self.node("Mapping")
        mapping.inputs["Scale"].default_value = scale
        self.link(self.node("TexCoord").outputs[kind], mapping.inputs["Vector"])
        return mapping.outputs["Vector"]

    def noise(self, at: Any, scale: float, detail: float = 4.0, distortion: float = 0.0) -> Any:
        """Noise in 0..1."""
        made = self.node("TexNoise")
        self.link(at, made.inputs["Vector"])
        made.inputs["Scale"].default_value = scale
        made.inputs["Detail"].default_value = detail
        made.inputs["Distortion"].default_value = distortion
        return made.outputs["Fac"]

    def ramp(self, value: Any, *stops: tuple[float, Colour], constant: bool = False) -> Any:
        """Colours by a value in 0..1."""
        made = self.node("ValToRGB")
        ramp = made.color_ramp
        ramp.interpolation = "CONSTANT" if constant else "LINEAR"
        while len(ramp.elements) < len(stops):
            ramp.elements.new(0.5)
        for element, (position, colour) in zip(ramp.elements, stops, strict=True):
            element.position, element.color = position, (*colour, 1.0)
        self.link(value, made.inputs["Fac"])
        return made.outputs["Color"]

    def mix(self, kind: str, first: Any, second: Any, factor: Any = 1.0) -> Any:
        """Two colours mixed: MIX, MULTIPLY, OVERLAY ..."""
        made = self.node("Mix", data_type="RGBA", blend_type=kind)
        for socket, value in ((made.inputs[6], first), (made.inputs[7], second), (made.inputs[0], factor)):
            if isinstance(value, bpy.types.NodeSocket):
                self.link(value, socket)
            else:
                socket.default_value = (*value, 1.0) if isinstance(value, tuple) else value
        return made.outputs[2]

    def math(self, kind: str, first: Any, second: Any = 0.0) -> Any:
        """A number of two."""
        made = self.node("Math", operation=kind)
        for socket, value in zip(made.inputs, (first, second), strict=False):
            if isinstance(value, bpy.types.NodeSocket):
                self.link(value, socket)
            else:
                socket.default_value = value
        return made.outputs[0]

    def bump(self, height: Any, strength: float, distance: float = 0.002) -> None:
        """Relief on the surface, `distance` metres deep."""
        made = self.node("Bump")
        made.inputs["Strength"].default_value = strength
        made.inputs["Distance"].default_value = distance
        self.link(height, made.inputs["Height"])
        self.set("Normal", made.outputs["Normal"])


def plain(name: str, code: str, roughness: float = 0.5, *, metallic: float = 0.0) -> bpy.types.Material:
    """One colour: ceramic, lacquer, metal."""
    shader = Shader(name, roughness)
    shader.set("Base Color", srgb(code))
    shader.set("Metallic", metallic)
    return shader.material


def plaster(name: str, code: str) -> bpy.types.Material:
    """A painted wall: faint stains of the roller and a fine grain."""
    shader = Shader(name, 0.85)
    at = shader.coordinates()
    light, dark = srgb(code), tuple(c * 0.90 for c in srgb(code))
    shader.set("Base Color", shader.ramp(shader.noise(at, 1.3), (0.3, dark), (0.7, light)))  # type: ignore[arg-type]
    shader.bump(shader.noise(at, 140.0, 6.0), 0.25)
    return shader.material


def wood(name: str, dark: str, light: str, along: int = 0, roughness: float = 0.42) -> bpy.types.Material:
    """Grain along one axis of the object (0: x)."""
    shader = Shader(name, roughness)
    scale = [9.0, 9.0, 9.0]
    scale[along] = 0.7
    at = shader.coordinates((scale[0], scale[1], scale[2]))
    grain = shader.noise(at, 2.0, 6.0, 0.6)
    fine = shader.noise(at, 16.0, 3.0)
    colour = shader.ramp(grain, (0.30, srgb(dark)), (0.70, srgb(light)))
    shader.set(
        "Base Color", shader.mix("MULTIPLY", colour, shader.ramp(fine, (0.2, (0.7, 0.7, 0.7)), (0.6, (1, 1, 1))))
    )
    shader.bump(fine, 0.15, 0.001)
    return shader.material


def floorboards(name: str) -> bpy.types.Material:
    """Oak boards along Y, each of its own tone, with joints and grain."""
    shader = Shader(name, 0.32)
    turned = shader.node("Mapping")
    turned.inputs["Rotation"].default_value = (0.0, 0.0, 1.5707963)
    shader.link(shader.node("TexCoord").outputs["Object"], turned.inputs["Vector"])
    boards = shader.node("TexBrick", offset=0.37, offset_frequency=2, squash=1.0)
    shader.link(turned.outputs["Vector"], boards.inputs["Vector"])
    for socket, value in (
        ("Scale", 1.0),
        ("Brick Width", 1.7),
        ("Row Height", 0.145),
        ("Mortar Size", 0.0022),
        ("Mortar Smooth", 0.2),
        ("Bias", 0.0),
    ):
        boards.inputs[socket].default_value = value
    boards.inputs["Color1"].default_value = (*srgb("9a6a42"), 1.0)
    boards.inputs["Color2"].default_value = (*srgb("c79a68"), 1.0)
    boards.inputs["Mortar"].default_value = (*srgb("38230f"), 1.0)
    at = shader.coordinates((11.0, 0.8, 1.0))
    # Grain that differs from board to board: shifted by the board's own tone.
    shift = shader.node("VectorMath", operation="ADD")
    shader.link(at, shift.inputs[0])
    shader.link(shader.mix("MULTIPLY", boards.outputs["Color"], (40.0, 40.0, 40.0)), shift.inputs[1])
    grain = shader.noise(shift.outputs[0], 2.2, 7.0, 0.8)
    fine = shader.noise(shift.outputs[0], 18.0, 3.0)
    tone = shader.ramp(grain, (0.28, (0.60, 0.56, 0.52)), (0.62, (1.0, 1.0, 1.0)))
    colour = shader.mix("MULTIPLY", boards.outputs["Color"], tone)
    shader.set("Base Color", shader.mix("MULTIPLY", colour, shader.ramp(fine, (0.1, (0.78,) * 3), (0.5, (1.0,) * 3))))
    shader.set("Roughness", shader.math("MULTIPLY_ADD", grain, 0.22))
    shader.surface.inputs["Roughness"].links[0].from_node.inputs[2].default_value = 0.22
    joints = shader.math("SUBTRACT", 1.0, boards.outputs["Fac"])
    shader.bump(shader.math("ADD", joints, shader.math("MULTIPLY", fine, 0.12)), 0.5, 0.002)
    return shader.material


def fabric(name: str, code: str, weave: float = 420.0, contrast: float = 0.25) -> bpy.types.Material:
    """Woven cloth: threads in two directions, a little worn, with the soft sheen of fibres."""
    shader = Shader(name, 0.95)
    at = shader.coordinates()
    threads = shader.noise(at, weave, 2.0)
    worn = shader.noise(at, 5.0, 5.0)
    base = srgb(code)
    dark = tuple(c * (1.0 - contrast) for c in base)
    colour = shader.ramp(threads, (0.35, dark), (0.65, base))  # type: ignore[arg-type]
    shader.set("Base Color", shader.mix("MULTIPLY", colour, shader.ramp(worn, (0.3, (0.82,) * 3), (0.7, (1.0,) * 3))))
    shader.set("Sheen Weight", 0.35)
    shader.set("Sheen Roughness", 0.5)
    shader.bump(threads, 0.5, 0.0015)
    return shader.material


def striped(name: str, codes: tuple[str, ...], *, kind: str = "UV", turns: float = 1.0) -> bpy.types.Material:
    """Cloth with bands across U, of these colours in turn."""
    shader = Shader(name, 0.95)
    at = shader.coordinates(kind=kind)
    split = shader.node("SeparateXYZ")
    shader.link(at, split.inputs[0])
    along = shader.math("FRACT", shader.math("MULTIPLY", split.outputs[0], turns))
    bands = tuple((i / len(codes), srgb(code)) for i, code in enumerate(codes))
    colour = shader.ramp(along, *bands, constant=True)
    threads = shader.noise(shader.coordinates(), 500.0, 2.0)
    shader.set(
        "Base Color", shader.mix("MULTIPLY", colour, shader.ramp(threads, (0.3, (0.72,) * 3), (0.7, (1.0,) * 3)))
    )
    shader.set("Sheen Weight", 0.25)
    shader.bump(threads, 0.6, 0.002)
    return shader.material


def rug(name: str) -> bpy.types.Material:
    """A woven rug: a border, and rows of lozenges inside it."""
    shader = Shader(name, 1.0)
    split = shader.node("SeparateXYZ")
    shader.link(shader.coordinates(kind="UV"), split.inputs[0])
    u, v = split.outputs[0], split.outputs[1]
    from_edge = shader.math(
        "MINIMUM",
        shader.math("MULTIPLY", shader.math("SUBTRACT", 0.5, _distance(shader, u)), 1.5),
        shader.math("SUBTRACT", 0.5, _distance(shader, v)),
    )
    border = shader.ramp(
        from_edge,
        *((0.0, srgb("e4d8c2")), (0.030, srgb("8f3f2c")), (0.075, srgb("e4d8c2")), (0.088, srgb("27415a"))),
        *((0.112, srgb("e4d8c2")), (0.125, (0.0, 0.0, 0.0))),
        constant=True,
    )
    rows = shader.math("ADD", _zigzag(shader, u, 9.0), _zigzag(shader, v, 6.0))
    field = shader.ramp(
        shader.math("FRACT", shader.math("MULTIPLY", rows, 1.0)),
        *((0.0, srgb("a3513a")), (0.18, srgb("d9b98c")), (0.30, srgb("27415a")), (0.52, srgb("d9cdb6"))),
        *((0.66, srgb("a3513a")), (0.84, srgb("6e2d22"))),
        constant=True,
    )
    inside = shader.math("GREATER_THAN", from_edge, 0.125)
    colour = shader.mix("MIX", border, field, inside)
    worn = shader.noise(shader.coordinates(), 4.0, 6.0)
    pile = shader.noise(shader.coordinates(), 260.0, 3.0)
    colour = shader.mix("MULTIPLY", colour, shader.ramp(worn, (0.3, (0.78,) * 3), (0.7, (1.0,) * 3)))
    shader.set("Base Color", shader.mix("MULTIPLY", colour, shader.ramp(pile, (0.3, (0.62,) * 3), (0.7, (1.0,) * 3))))
    shader.set("Sheen Weight", 0.3)
    shader.bump(pile, 0.9, 0.006)
    return shader.material


def _distance(shader: Shader, coordinate: Any) -> Any:
    return shader.math("ABSOLUTE", shader.math("SUBTRACT", coordinate, 0.5))


def _zigzag(shader: Shader, coordinate: Any, count: float) -> Any:
    wave = shader.math("FRACT", shader.math("MULTIPLY", coordinate, count))
    return shader.math("ABSOLUTE", shader.math("SUBTRACT", wave, 0.5))


def leaf(name: str, dark: str, light: str) -> bpy.types.Material:
    """A leaf: a light rib along V, veins, and light that comes through."""
    shader = Shader(name, 0.38)
    split = shader.node("SeparateXYZ")
    shader.link(shader.coordinates(kind="UV"), split.inputs[0])
    side = shader.math("MULTIPLY", _distance(shader, split.outputs[0]), 2.0)
    veins = shader.math("FRACT", shader.math("SUBTRACT", shader.math("MULTIPLY", split.outputs[1], 9.0), side))
    colour = shader.ramp(veins, (0.0, srgb(light)), (0.14, srgb(dark)), (1.0, srgb(dark)))
    rib = shader.math("LESS_THAN", side, 0.045)
    shader.set("Base Color", shader.mix("MIX", colour, srgb("a9c27a"), rib))
    shader.set("Subsurface Weight", 0.15)
    shader.surface.inputs["Subsurface Radius"].default_value = (0.01, 0.02, 0.005)
    shader.bump(veins, 0.2, 0.002)
    return shader.material


def painting(name: str, codes: tuple[str, ...], seed: float) -> bpy.types.Material:
    """An abstract picture: large soft fields of these colours."""
    shader = Shader(name, 0.8)
    move = shader.node("Mapping")
    move.inputs["Location"].default_value = (seed, seed * 0.7, seed * 1.9)
    shader.link(shader.node("TexCoord").outputs["Object"], move.inputs["Vector"])
    fields = shader.noise(move.outputs["Vector"], 2.4, 1.5, 1.6)
    stops = tuple((0.34 + 0.32 * i / len(codes), srgb(code)) for i, code in enumerate(codes))
    brush = shader.noise(shader.coordinates((1.0, 1.0, 9.0)), 45.0, 4.0)
    colour = shader.ramp(fields, *stops, constant=True)
    shader.set("Base Color", shader.mix("MULTIPLY", colour, shader.ramp(brush, (0.3, (0.85,) * 3), (0.7, (1.0,) * 3))))
    return shader.material


def glow(name: str, code: str, strength: float) -> bpy.types.Material:
    """Something that shines."""
    shader = Shader(name)
    shader.set("Base Color", srgb(code))
    shader.set("Emission Color", srgb(code))
    shader.set("Emission Strength", strength)
    return shader.material


def garden(name: str) -> bpy.types.Material:
    """What the window shows: bright sky above out-of-focus trees."""
    shader = Shader(name)
    split = shader.node("SeparateXYZ")
    shader.link(shader.coordinates(kind="UV"), split.inputs[0])
    at = shader.coordinates()
    treeline = shader.math("ADD", split.outputs[1], shader.math("MULTIPLY", shader.noise(at, 0.9, 3.0), -0.55))
    leaves = shader.ramp(
        shader.noise(at, 2.6, 2.0, 0.4), (0.30, srgb("2f4a26")), (0.50, srgb("6f9350")), (0.70, srgb("cfdf9a"))
    )
    sky = shader.ramp(split.outputs[1], (0.3, srgb("e9f1f4")), (1.0, srgb("b9d8ee")))
    above = shader.ramp(treeline, (0.20, (0.0,) * 3), (0.32, (1.0,) * 3))
    colour = shader.mix("MIX", leaves, sky, above)
    shader.set("Base Color", (0.0, 0.0, 0.0))
    shader.set("Emission Color", colour)
    shader.set("Emission Strength", 2.6)
    return shader.material
