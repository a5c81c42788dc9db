"""A layout with another depth of the photo: it replaces, fills, or has the other aligned to its ground."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.core.arrays import Float32
from blender_addon.core.camera.projection import intrinsics_matrix
from blender_addon.core.depth.layout.layout import CutOut, DepthLayout, Ground, Mixing
from blender_addon.core.depth.layout.layout_depth import layout_depth, layout_surfaces
from blender_addon.core.depth.layout.mixing import align_to_floor
from blender_addon.core.errors import PhotoError

SIZE = (96, 64)
LENS = intrinsics_matrix(80.0, 80.0, 48.0, 32.0)
GROUND = Ground((0.4, 0.45), 1.6)
SQUARE = CutOut(((0.4, 0.4), (0.6, 0.4), (0.6, 0.8), (0.4, 0.8)))
BOXES = ((30, 60, 5, 30), (36, 64, 70, 90))
"""Rows and columns of things that stand on the floor and were not laid out."""


def street() -> Float32:
    """[h, w] metres: the floor of GROUND, things on it, a facade at 30 m behind."""
    depth = layout_depth(DepthLayout(ground=GROUND, farthest=30.0), SIZE, LENS, SIZE)
    for top, bottom, left, right in BOXES:
        depth[top:bottom, left:right] = depth[bottom - 1, left]
    return depth


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 8), st.floats(-0.02, 0.05), st.integers(0, 2**20))
def test_a_relative_depth_is_laid_on_the_ground(scale: float, shift: float, seed: int) -> None:
    """Any scale and shift of inverse depth is found, though half of the floor is hidden, and noise is borne."""
    true = street()
    noise = 1 + 0.005 * np.random.default_rng(seed).standard_normal(true.shape)
    stored = (1 / (scale / true + shift * scale + 0.1 * scale) * noise).astype(np.float32)
    layout = DepthLayout(ground=GROUND, farthest=30.0, mixing="align")
    mixed = layout_depth(layout, SIZE, LENS, SIZE, stored)
    error = np.abs(mixed / true - 1)
    near = true < 10
    assert np.median(error[near]) < 0.02
    assert np.quantile(error[near], 0.95) < 0.06


def test_the_alignment_is_told() -> None:
    layout = DepthLayout(ground=GROUND, farthest=30.0)
    alignment = align_to_floor(layout, layout_surfaces(layout, SIZE, LENS, SIZE), street() * np.float32(2.5))
    assert (alignment.scale, alignment.shift) == pytest.approx((2.5, 0.0), abs=2e-3)
    assert alignment.residual < 1e-3
    assert 0.4 < alignment.agreeing < 0.8


@pytest.mark.parametrize("mixing", ["replace", "fill", "align"])
def test_a_cut_out_and_a_hole(mixing: Mixing) -> None:
    """A cut-out replaces the other depth unless that is to stay; a hole of it is filled by the layout."""
    base = street()
    base[55:, :20] = np.nan
    layout = DepthLayout(ground=GROUND, cut_outs=(SQUARE,), farthest=30.0, mixing=mixing)
    alone = layout_depth(layout, SIZE, LENS, SIZE)
    mixed = layout_depth(layout, SIZE, LENS, SIZE, base)
    np.testing.assert_array_equal(mixed[55:, :20], alone[55:, :20])
    assert mixed[40, 48] == pytest.approx(base[40, 48] if mixing == "fill" else alone[40, 48])
    thing = mixed[45, 10] / base[45, 10]
    assert thing == pytest.approx(alone[45, 10] / base[45, 10] if mixing == "replace" else 1.0, rel=1e-3)


def test_another_depth_of_another_size_shows_where_nothing_stands() -> None:
    base = np.full((128, 192), 12.0, np.float32)
    mixed = layout_depth(DepthLayout(ground=GROUND), SIZE, LENS, SIZE, base)
    assert (mixed[:20] == 12).all()
    assert mixed[60, 48] < 5


@pytest.mark.parametrize("base", [np.full((64, 96), np.nan), np.linspace(1, 9, 64)[:, None] * np.ones((1, 96))])
def test_what_cannot_be_aligned_is_refused(base: Float32) -> None:
    with pytest.raises(PhotoError, match="cannot be aligned"):
        layout_depth(DepthLayout(ground=GROUND, mixing="align"), SIZE, LENS, SIZE, base.astype(np.float32))


def test_a_depth_of_one_number_is_scaled_alone() -> None:
    mixed = layout_depth(DepthLayout(ground=GROUND, mixing="align"), SIZE, LENS, SIZE, np.full((64, 96), 3, np.float32))
    assert np.isfinite(mixed).all()
    assert mixed.std() == 0
