"""The picture a layout is judged by."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.layout.layout import DepthLayout, Ground, Wall
from blender_addon.core.depth.layout.layout_depth import layout_surfaces
from blender_addon.core.depth.layout.surfaces import FLOOR, WALL
from server.depth.layout_overlay import COLOURS, layout_overlay, line_spacing


def test_lines_are_a_metre_apart_on_the_floor_and_on_walls() -> None:
    """A level camera 1.5 m up: rows of the floor's lines, and a facade 10 m away whose lines are 30 pixels apart."""
    size, lens = (400, 300), intrinsics_matrix(300.0, 300.0, 200.0, 150.0)
    ground = Ground((0.5, 0.5), 1.5)
    layout = DepthLayout(ground=ground, walls=(Wall(((0.0, 195 / 300), (1.0, 195 / 300))),))
    surfaces = layout_surfaces(layout, size, lens, size)
    picture = layout_overlay(np.zeros((600, 800, 3), np.uint8), surfaces, ground, 2 * lens - np.diag([0, 0, 1.0]))
    walls = np.flatnonzero((picture[:150, 7] == COLOURS[WALL]).all(axis=-1))
    assert set(np.diff(walls)) == {30}
    floor = np.flatnonzero((picture[196:, 203] == COLOURS[FLOOR]).all(axis=-1)) + 196
    expected = [150 + 450 / metres for metres in range(9, 3, -1)]
    np.testing.assert_allclose(floor, expected, atol=1.5)


@pytest.mark.parametrize(("height", "spacing"), [(1.6, 1.0), (0.4, 0.1), (30.0, 10.0)])
def test_the_spacing_suits_the_camera_s_height(height: float, spacing: float) -> None:
    assert line_spacing(height) == pytest.approx(spacing)
