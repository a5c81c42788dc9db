"""Diffusion along a picture's lines: lines go on, nothing crosses what is neither known nor filled."""

from __future__ import annotations

import numpy as np
import pytest

from server.geometry.diffusion import conductance, diffused


def everywhere(one: tuple[slice, ...], other: tuple[slice, ...]) -> np.ndarray:
    """Every neighbour is of one surface."""
    return np.ones(np.zeros((64, 96))[one].shape, np.bool_)


@pytest.mark.parametrize("slope", [0.0, 1.0, -1.0])
def test_an_edge_goes_on_through_a_hole(slope: float) -> None:
    """Half light, half dark: in a hole 24 pixels wide the border between them stays where it was."""
    row, column = np.mgrid[:64, :96]
    light = row - 32 > slope * (column - 48)
    picture = np.where(light[..., None], 220.0, 40.0).repeat(3, axis=2).astype(np.float32)
    hole = (np.abs(column - 48) < 12) & (np.abs(row - 32) < 28)
    filled = diffused(np.where(hole[..., None], 0, picture), ~hole, hole, conductance(picture, ~hole, everywhere))
    beside = hole & (np.abs(row - 32 - slope * (column - 48)) > 4)
    assert np.abs(filled - picture)[beside].mean() < 20
    np.testing.assert_array_equal(filled[~hole], picture[~hole])


def test_nothing_crosses_what_is_neither_known_nor_filled() -> None:
    """Red on the left, a dead column, a hole, green on the right: the hole becomes green."""
    picture = np.zeros((64, 96, 3), np.float32)
    picture[:, :40], picture[:, 41:] = (200, 30, 20), (30, 160, 60)
    known, hole = np.ones((64, 96), np.bool_), np.zeros((64, 96), np.bool_)
    known[:, 40:60], hole[:, 41:60] = False, True
    filled = diffused(picture, known, hole, conductance(picture, known, everywhere))
    np.testing.assert_allclose(filled[hole], np.broadcast_to((30, 160, 60), (hole.sum(), 3)), atol=1)


def test_it_can_be_stopped_at_every_step() -> None:
    picture, hole = np.full((64, 96, 3), 90, np.float32), np.zeros((64, 96), np.bool_)
    hole[20:40, 20:40] = True

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        diffused(picture, ~hole, hole, conductance(picture, ~hole, everywhere), stop)
