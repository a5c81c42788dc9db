"""Dots, lines and plates drawn over a 3D view, the same under OpenGL, Metal and Vulkan.

Metal and Vulkan draw dots and wide lines only by the shaders that are made for them. Sizes and widths are in pixels of
an interface that is not scaled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

Colour = tuple[float, float, float, float]
"""Red, green, blue and alpha."""
Places = Any
"""[N, 3] points, or a sequence of three numbers each."""


def draw_dots(places: Places, colour: Colour, size: float) -> None:
    """Draw a square dot at each place, over everything.

    Args:
        places: [N, 3] in the view's or the region's coordinates, as the draw handler has them.
        colour: Of the dots.
        size: Of their sides.
    """
    if len(places) == 0:
        return
    shader = _shader("POINT_UNIFORM_COLOR", colour)
    shader.uniform_float("size", size * _scale())
    # Under OpenGL the state's size is written over the shader's. It cannot be read; whoever draws points sets it.
    gpu.state.point_size_set(size * _scale())
    _draw(shader, "POINTS", places)


def draw_lines(kind: Literal["LINES", "LINE_STRIP"], places: Places, colour: Colour, width: float) -> None:
    """Draw lines, over everything; nothing of fewer than two places.

    Args:
        kind: LINES: between the places of each pair. LINE_STRIP: from each place to the next.
        places: [N, 3] in the view's or the region's coordinates, as the draw handler has them.
        colour: Of the lines.
        width: Of the lines.
    """
    if len(places) < 2:
        return
    shader = _shader("POLYLINE_UNIFORM_COLOR", colour)
    shader.uniform_float("lineWidth", width * _scale())
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    _draw(shader, kind, places)


def draw_plate(left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
    """Draw a filled rectangle in a region, in its pixels."""
    corners = [(x, y, 0.0) for x in (left, right) for y in (bottom, top)]
    _draw(_shader("UNIFORM_COLOR", colour), "TRI_STRIP", corners)


def _shader(name: str, colour: Colour) -> gpu.types.GPUShader:
    shader = gpu.shader.from_builtin(name)
    shader.bind()
    shader.uniform_float("color", colour)
    return shader


def _draw(shader: gpu.types.GPUShader, kind: str, places: Places) -> None:
    batch = batch_for_shader(shader, kind, {"pos": places})
    with _over_everything():
        batch.draw(shader)


def _scale() -> float:
    return float(bpy.context.preferences.system.ui_scale)


@contextmanager
def _over_everything() -> Iterator[None]:
    """Blend, and test no depth; afterwards as before, for what Blender and other extensions draw next."""
    blend, depth_test = gpu.state.blend_get(), gpu.state.depth_test_get()
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("NONE")
    try:
        yield
    finally:
        gpu.state.blend_set(blend)
        gpu.state.depth_test_set(depth_test)
