"""Our own drawing keeps to what Metal and Vulkan do: each shape by the shader made for it, and the state put back.

Nothing is drawn without a window, so Blender's `gpu` is a stand-in here that notes what is asked of it; the walks
through the real window show the pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from blender_addon import viewport_drawing
from blender_addon.viewport_drawing import Colour, draw_dots, draw_lines, draw_plate
from tests.sources import sources

RED: Colour = (1.0, 0.0, 0.0, 1.0)
PLACES = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0)]
MADE_FOR = {
    "POINTS": "POINT_UNIFORM_COLOR",
    "LINES": "POLYLINE_UNIFORM_COLOR",
    "LINE_STRIP": "POLYLINE_UNIFORM_COLOR",
    "TRI_STRIP": "UNIFORM_COLOR",
}
"""The shader for each kind of shape: Blender 4.5 and 5.2 have all of them. Metal and Vulkan misdraw other pairs."""


class Gpu:
    """What the drawing may see of Blender's `gpu`, as another extension may have left it."""

    def __init__(self) -> None:
        self.values = {"blend": "ADDITIVE", "depth_test": "LESS"}
        self.drawn: list[tuple[str, str, dict[str, str]]] = []
        self.uniforms: set[str] = set()
        self.fails = False
        self.shader = SimpleNamespace(from_builtin=self._shader)
        self.state = SimpleNamespace(
            viewport_get=lambda: (0, 0, 640, 480),
            point_size_set=lambda size: None,
            **{f"{name}_get": lambda name=name: self.values[name] for name in self.values},
            **{f"{name}_set": lambda value, name=name: self.values.__setitem__(name, value) for name in self.values},
        )
        self.types = SimpleNamespace(GPUShader=object)

    def _shader(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(name=name, bind=lambda: None, uniform_float=lambda name, _value: self.uniforms.add(name))

    def batch(self, shader: SimpleNamespace, kind: str, _places: object) -> SimpleNamespace:
        def draw(_shader: object) -> None:
            if self.fails:
                raise RuntimeError
            self.drawn.append((shader.name, kind, dict(self.values)))

        return SimpleNamespace(draw=draw)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    stand_in = Gpu()
    monkeypatch.setattr(viewport_drawing, "gpu", stand_in)
    monkeypatch.setattr(viewport_drawing, "batch_for_shader", stand_in.batch)
    return stand_in


@pytest.mark.parametrize(
    ("draw", "uniforms"),
    [
        (lambda: draw_dots(PLACES, RED, 9.0), {"color", "size"}),
        (lambda: draw_lines("LINES", PLACES, RED, 2.0), {"color", "lineWidth", "viewportSize"}),
        (lambda: draw_lines("LINE_STRIP", PLACES, RED, 2.0), {"color", "lineWidth", "viewportSize"}),
        (lambda: draw_plate(0.0, 0.0, 9.0, 9.0, RED), {"color"}),
    ],
)
def test_each_shape_has_its_shader_and_leaves_the_state_as_it_was(
    gpu: Gpu, draw: Callable[[], None], uniforms: set[str]
) -> None:
    before = dict(gpu.values)
    draw()
    ((shader, kind, during),) = gpu.drawn
    assert shader == MADE_FOR[kind]
    assert gpu.uniforms == uniforms
    assert during == {"blend": "ALPHA", "depth_test": "NONE"}
    assert gpu.values == before
    gpu.fails = True
    with pytest.raises(RuntimeError):
        draw()
    assert gpu.values == before


def test_nothing_is_drawn_of_no_places(gpu: Gpu) -> None:
    draw_dots([], RED, 9.0)
    draw_lines("LINE_STRIP", PLACES[:1], RED, 2.0)
    assert gpu.drawn == []


def test_nothing_else_of_ours_draws_by_itself() -> None:
    asks = re.compile(r"^\s*(import gpu|from gpu)", re.M)
    assert [path.name for path in sources("blender_addon") if asks.search(path.read_text("utf-8"))] == [
        "viewport_drawing.py"
    ]
