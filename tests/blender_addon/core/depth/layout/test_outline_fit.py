"""A roughly drawn outline moves onto the photo's edges."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.core.depth.layout.outline_fit import REACH, fitted_region
from blender_addon.core.depth.layout.region import polygon_pixels

WIDTH, HEIGHT = 400, 300


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    return float((one & other).sum() / (one | other).sum())


def disc(centre: tuple[float, float], radius: float) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return np.asarray(np.hypot(x - centre[0], y - centre[1]) < radius)


def photo_of(thing: np.ndarray) -> np.ndarray:
    """A thing of its own colour before a background that shades from left to right, with noise on both."""
    noise = np.random.default_rng(1).normal(0, 8, (HEIGHT, WIDTH, 3))
    background = np.stack([np.full((HEIGHT, WIDTH), 120.0) + np.arange(WIDTH) / 8, *[np.full(thing.shape, 90.0)] * 2])
    colours = np.where(thing[..., None], [200.0, 190.0, 160.0], np.moveaxis(background, 0, -1))
    return np.clip(colours + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("off", [0.97, 1.06])
def test_a_rough_polygon_finds_the_thing(off: float) -> None:
    thing = disc((180, 150), 80)
    angles = np.arange(16) / 16 * 2 * np.pi
    drawn = polygon_pixels(
        np.stack([180 + 80 * off * np.cos(angles), 150 + 80 * off * np.sin(angles)], axis=1), (WIDTH, HEIGHT)
    )
    fitted = fitted_region(drawn, photo_of(thing))
    assert overlap(drawn, thing) < 0.92
    assert overlap(fitted, thing) > 0.98


def test_without_an_edge_near_it_an_outline_stays_and_far_from_it_everything() -> None:
    drawn = disc((200, 150), 60)
    plain = fitted_region(drawn, np.full((HEIGHT, WIDTH, 3), 128, np.uint8))
    assert overlap(plain, drawn) > 0.97
    other = disc((320, 150), 20)
    fitted = fitted_region(drawn, photo_of(disc((200, 150), 62) | other))
    assert not fitted[other].any()
    reach = round(REACH * WIDTH)
    assert fitted[disc((200, 150), 60 - 2 * reach)].all()


def test_no_region_and_the_whole_photo_stay() -> None:
    photo = photo_of(disc((200, 150), 50))
    for region in (np.zeros((HEIGHT, WIDTH), bool), np.ones((HEIGHT, WIDTH), bool)):
        assert np.array_equal(fitted_region(region, photo), region)
