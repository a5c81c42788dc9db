"""Filling a picture's gaps from its weighted pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.geometry.pull_push import pull_push


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_what_is_known_stays_and_gaps_lie_between(height: int, width: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.uniform(10, 20, (height, width, 2)).astype(np.float32)
    weight = (generator.random((height, width)) < 0.3).astype(np.float32)
    values[weight == 0] = 1e4  # Unweighted values must not be heard.
    filled = pull_push(values, weight)
    assert filled.shape == values.shape
    np.testing.assert_allclose(filled[weight == 1], values[weight == 1], rtol=1e-4)
    if weight.any():
        known = values[weight == 1]
        assert filled.min() >= known.min() - 1e-3
        assert filled.max() <= known.max() + 1e-3
    else:
        assert not filled.any()


def test_a_gap_takes_after_its_nearest_side() -> None:
    values = np.zeros((32, 64, 1), np.float32)
    values[:, 40:] = 100
    weight = np.zeros((32, 64), np.float32)
    weight[:, :8] = weight[:, 56:] = 1
    row = pull_push(values, weight)[16, :, 0]
    assert row[12] < 30
    assert row[51] > 70
    # Softly from one to the other: no step is larger than an eighth of the whole.
    assert np.abs(np.diff(row)).max() < 12.5
