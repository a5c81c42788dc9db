"""A depth picture in the colours of the usual scales gives back the steps that were painted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.arrays import UInt8
from blender_addon.core.depth.colour_scales import numbers_of_colours

matplotlib = pytest.importorskip("matplotlib")

STEPS = np.tile(np.arange(256, dtype=np.uint8), (40, 1))
SCALES = {
    **{name: (name.lower(), 2) for name in ("viridis", "plasma", "inferno", "magma", "cividis", "turbo")},
    "jet": ("jet", 4),
    "Spectral_r": ("spectral", 2),
}
"""Matplotlib's name, ours, and the steps of 255 by which a number may be off."""


def painted(name: str) -> UInt8:
    return np.rint(matplotlib.colormaps[name](STEPS)[..., :3] * 255).astype(np.uint8)


@pytest.mark.parametrize("name", SCALES)
def test_painted_steps_are_read_back(name: str) -> None:
    scale, allowed = SCALES[name]
    found = numbers_of_colours(painted(name))
    assert found is not None
    assert found[0] == scale
    assert np.abs(found[1] * 255 - STEPS).max() <= allowed


@pytest.mark.parametrize("name", SCALES)
def test_a_scale_turned_round_runs_backwards(name: str) -> None:
    """Which end is near is for the points to say."""
    turned = name.removesuffix("_r") if name.endswith("_r") else f"{name}_r"
    found = numbers_of_colours(painted(turned))
    assert found is not None
    assert found[0] == SCALES[name][0]
    assert np.abs((1 - found[1]) * 255 - STEPS).max() <= SCALES[name][1]


def test_jpeg_blurs_it_a_little() -> None:
    file = io.BytesIO()
    Image.fromarray(painted("turbo")).save(file, "JPEG", quality=85)
    found = numbers_of_colours(np.array(Image.open(file)))
    assert found is not None
    assert np.nanmedian(np.abs(found[1] * 255 - STEPS)) <= 2
