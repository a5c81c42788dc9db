"""Filters of maps give what SciPy's give, on any size, up to the border."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from blender_addon.core.depth.cleaning.windows import over_windows
from server.demo.motorcycle import Motorcycle
from server.geometry.filters import gaussian_blur, share_above_half
from tests.support.properties import examples

SIDES = st.integers(1, 40)
SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.sampled_from([0.0, 0.1, 0.4, 0.6, 0.9, 1.0])


@examples(40)
@given(SIDES, st.integers(1, 300), st.sampled_from([0.4, 1.5, 16.0]), SEEDS, st.sampled_from([np.float32, np.float64]))
def test_a_blur(height: int, width: int, sigma: float, seed: int, dtype: type[np.floating[Any]]) -> None:
    values = np.random.default_rng(seed).uniform(0, 5, (height, width)).astype(dtype)
    blurred = gaussian_blur(values, sigma)
    assert blurred.dtype == dtype
    exact = ndimage.gaussian_filter(values.astype(np.float64), sigma)
    np.testing.assert_allclose(blurred, exact, rtol=1e-6 if dtype == np.float32 else 1e-12)


def test_a_blur_of_a_narrow_window(bike: Motorcycle) -> None:
    values = bike.photo[..., 1].astype(np.float64)
    theirs = ndimage.gaussian_filter(values, 1.5, radius=5)
    np.testing.assert_allclose(gaussian_blur(values, 1.5, 5), theirs, rtol=1e-12)


@pytest.mark.parametrize("k", [3, 5])
@examples(40)
@given(SIDES, SIDES, SHARES, SEEDS)
def test_the_majority_of_a_neighbourhood(k: int, height: int, width: int, share: float, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    found = share_above_half(mask, k)
    np.testing.assert_array_equal(found, ndimage.uniform_filter(mask.astype(np.float32), k) > 0.5)
    np.testing.assert_array_equal(found, ndimage.median_filter(mask, k))


@examples(40)
@given(SIDES, SIDES, SEEDS)
def test_the_least_of_a_neighbourhood(height: int, width: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 5, (height, width)).astype(np.float32)
    np.testing.assert_array_equal(over_windows(np.minimum, values, 5), ndimage.minimum_filter(values, 5))
