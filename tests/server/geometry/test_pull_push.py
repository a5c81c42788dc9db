"""Filling a picture's gaps from its weighted pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.demo.motorcycle import Motorcycle
from server.geometry.pull_push import pull_push
from server.geometry.texture import Texture


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


def test_a_texture_read_at_its_own_pixels_is_the_picture(bike: Motorcycle) -> None:
    height, width = bike.photo.shape[:2]
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    uv = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32)
    sampled = Texture.of(bike.photo).sample(uv).reshape(bike.photo.shape)
    np.testing.assert_allclose(sampled, bike.photo, atol=0.1)


@pytest.mark.parametrize(("texels", "level"), [(0.3, 0), (1.0, 0), (2.1, 1), (7.9, 3), (1e6, 8)])
def test_a_coarser_level_for_a_smaller_picture(bike: Motorcycle, texels: float, level: int) -> None:
    texture = Texture.of(bike.photo)
    chosen = texture.level_for(texels)
    assert chosen == level
    # Every level keeps the picture's mean, and so its brightness.
    np.testing.assert_allclose(texture.levels[chosen].mean(axis=(0, 1)), bike.photo.mean(axis=(0, 1)), rtol=0.06)
