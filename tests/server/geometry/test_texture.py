"""Looking up a picture in a pyramid of smaller ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.arrays import Float32, Float64
from blender_addon.core.camera.projection import scaled_intrinsics
from blender_addon.core.camera.trajectory import Trajectory
from server.demo.motorcycle import Motorcycle
from server.geometry.preview import render_preview
from server.geometry.texture import Texture


def area(length: int, count: int) -> Float64:
    """[count, length] the share that each of `length` pixels has in each of `count` that cover them evenly."""
    first = np.arange(count)[:, None] * length / count
    pixel = np.arange(length)[None]
    overlap = np.minimum(first + length / count, pixel + 1) - np.maximum(first, pixel)
    return np.clip(overlap, 0, None) * count / length


def resized(picture: Float32, size: tuple[int, int]) -> Float32:
    """The picture [h, w, C] at (width, height), every pixel the mean of the area that it covers."""
    rows = np.einsum("nh,hwc->nwc", area(picture.shape[0], size[1]), picture, optimize=True)
    return np.einsum("nw,hwc->hnc", area(picture.shape[1], size[0]), rows, optimize=True).astype(np.float32)


@given(st.integers(4, 90), st.integers(4, 90))
def test_a_place_is_the_same_in_every_level(height: int, width: int) -> None:
    """The picture's colours are its texture coordinates: every level gives back those that it is asked for.

    To a tenth of a texel, as a texel's middle is not the mean of pixels of which it covers one in part.
    """
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    texture = Texture.of(np.stack([x, y], axis=-1))
    for number, level in enumerate(texture.levels):
        sides = np.array(level.shape[1::-1])
        # Between the middles of the outermost texels, beyond which the picture has no slope.
        uv = (0.5 + np.random.default_rng(0).random((20, 2)) * (sides - 1)) / sides
        found = texture.sample(uv.astype(np.float32), number)
        np.testing.assert_array_less(np.abs(found - uv) * sides, 0.1)


def test_a_preview_smaller_than_its_photo_shows_the_photo_unshifted(bike: Motorcycle) -> None:
    """The motorcycle is 741 x 500; drawn 256 wide it is taken from a level of which both sides were rounded up.

    Such a level, taken for exactly half of the picture, is a shift of up to a pixel: 25.4 dB instead of 28.1.
    """
    photo = bike.photo.astype(np.float32)
    np.testing.assert_allclose(Texture.of(photo).levels[1], resized(photo, (371, 250)), atol=0.01)
    size = (256, 173)
    intrinsics = scaled_intrinsics(bike.intrinsics, bike.photo.shape[1::-1], size)
    here = Trajectory(np.eye(4)[None], intrinsics, *size, 24.0)
    preview = render_preview(bike.photo, bike.depth, bike.intrinsics, here)[0]
    difference = (preview[..., :3] - resized(photo, size))[preview[..., 3] == 255]
    assert 10 * np.log10(255**2 / np.mean(difference**2)) > 28


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
