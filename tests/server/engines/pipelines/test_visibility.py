"""What of a preview may be held: whole pixels, away from holes, and in all the frames that a latent stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from server.demo.motorcycle import Motorcycle
from server.engines.pipelines.fitting.hole_filling import GREY, filled
from server.engines.pipelines.fitting.visibility import OPAQUE, held_together, latent_frames, on_latents, seen, shrunk


def all_seen(frames: int = 9, height: int = 64, width: int = 96) -> np.ndarray:
    return np.ones((frames, height, width), np.bool_)


@pytest.mark.parametrize(("count", "step"), [(1, 4), (5, 4), (81, 4), (17, 8), (961, 8)])
def test_latent_0_is_frame_0_and_latent_k_the_frames_up_to_k_times_n(count: int, step: int) -> None:
    groups = latent_frames(count, step)
    assert [frame for group in groups for frame in range(group.start, group.stop)] == list(range(count))
    assert groups[0] == slice(0, 1)
    assert all(group == slice((k - 1) * step + 1, k * step + 1) for k, group in enumerate(groups) if k)


@given(st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_the_margin_is_a_square_and_the_picture_s_border_is_no_hole(margin: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((2, 13, 17)) > 0.05
    size = (1, 2 * margin + 1, 2 * margin + 1)
    assert np.array_equal(shrunk(mask, margin), ndimage.minimum_filter(mask, size, mode="constant", cval=True))


def test_a_pixel_mixed_with_the_background_is_not_the_photo_s() -> None:
    preview = np.full((1, 4, 4, 4), 255, np.uint8)
    preview[0, 1, 1, 3] = OPAQUE - 1
    assert seen(preview, 0, np.ones((4, 4), np.bool_)).sum() == 15


@pytest.mark.parametrize(("frame", "latent"), [(0, 0), (1, 1), (2, 1), (4, 1), (5, 2), (8, 2)])
def test_a_hole_in_any_frame_of_a_latent_counts_for_that_latent_alone(frame: int, latent: int) -> None:
    mask = all_seen()
    mask[frame, 32:40, 48:56] = False
    cells = on_latents(mask, 4, 8, shrink=0)
    assert [bool((~cell).any()) for cell in cells] == [k == latent for k in range(3)]
    assert (~cells[latent]).sum() == 1
    together = held_together(mask, 4)
    assert sorted(np.flatnonzero((~together).any(axis=(1, 2)))) == [*range(9)][latent_frames(9, 4)[latent]]


def test_one_pixel_is_enough_and_its_neighbour_cells_are_let_go_too() -> None:
    mask = all_seen()
    mask[6, 32, 48] = False
    held = on_latents(mask, 4, 8)
    assert held.shape == (3, 8, 12)
    assert (~held[2]).sum() == 9
    assert not held[2, 3:6, 5:8].any()
    assert held[:2].all()


def test_eight_frames_and_thirty_two_pixels() -> None:
    assert on_latents(all_seen(17), 8, 32).shape == (3, 2, 3)


def test_filled_holes_look_like_what_is_beside_them(bike: Motorcycle) -> None:
    """What is known is as it was; a hole has no colour that is not around it, nor the black that stood in it."""
    frame = bike.photo[100:163, 200:301]
    known = np.ones(frame.shape[:2], np.bool_)
    known[20:31, 40:57] = False
    known[:, 90:] = False
    shown = np.where(known[..., None], frame, 0).astype(np.uint8)
    result = filled(np.stack([shown, shown]), np.stack([known, ~known & False]))
    assert np.array_equal(result[0][known], frame[known])
    around = ndimage.binary_dilation(~known, iterations=16) & known
    assert result[0][~known].min() >= frame[around].min()
    assert result[0][~known].max() <= frame[around].max()
    beside = result[0][25, 40].astype(int) - frame[25, 39]
    assert np.abs(beside).max() <= 40, "the hole's first pixel continues its neighbour"
    assert (result[1] == GREY).all(), "where nothing is known there is grey"
