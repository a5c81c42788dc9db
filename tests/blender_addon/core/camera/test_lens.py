"""Blender's lens arithmetic, there and back. That Blender agrees is shown by rendering, in ../shot/test_markers.py."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.camera.lens import Lens, RenderFrame, lens_of
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.errors import CameraError

sides = st.integers(16, 4096)
focals = st.floats(50, 8000)


@given(sides, sides, focals, focals, st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))
def test_any_pinhole_becomes_a_lens_and_comes_back(
    width: int, height: int, fx: float, fy: float, x: float, y: float
) -> None:
    wanted = intrinsics_matrix(fx, fy, x * width, y * height)
    lens, frame = lens_of(wanted, width, height)
    assert min(frame.aspect_x, frame.aspect_y) == 1.0
    np.testing.assert_allclose(lens.intrinsics(frame), wanted, rtol=1e-9, atol=1e-6)


def test_auto_fits_the_longer_side_with_the_sensors_width() -> None:
    lens = Lens(50.0, 36.0, 24.0)
    assert lens.intrinsics(RenderFrame(1920, 1080))[0, 0] == pytest.approx(50 / 36 * 1920)
    assert lens.intrinsics(RenderFrame(1080, 1920))[0, 0] == pytest.approx(50 / 36 * 1920)
    # Anamorphic pixels count: 1000 x 600 pixels of 1 x 2 are a portrait.
    assert lens.intrinsics(RenderFrame(1000, 600, 1.0, 2.0))[1, 1] == pytest.approx(50 / 36 * 600)


def test_a_vertical_fit_measures_the_sensors_height() -> None:
    lens = Lens(50.0, 36.0, 24.0, sensor_fit="VERTICAL")
    assert lens.intrinsics(RenderFrame(1920, 1080))[1, 1] == pytest.approx(50 / 24 * 1080)


@pytest.mark.parametrize("lens", [Lens(0.0), Lens(float("nan")), Lens(50.0, sensor_width=0.0)])
def test_a_lens_without_size_is_refused(lens: Lens) -> None:
    with pytest.raises(CameraError, match="no lens"):
        lens.intrinsics(RenderFrame(64, 64))


def test_skew_is_refused() -> None:
    skewed = intrinsics_matrix(500, 500, 320, 240)
    skewed[0, 1] = 3.0
    with pytest.raises(CameraError, match="skew: 3 px"):
        lens_of(skewed, 640, 480)
