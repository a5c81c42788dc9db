"""Pictures of the panel follow their files. Blender without a window gives every icon the number 0."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.arrays import UInt8

pytestmark = pytest.mark.blender


@pytest.fixture
def pictures(blender: ModuleType) -> Iterator[Any]:
    from blender_addon.ui.takes.thumbnails import Thumbnails

    made = Thumbnails()
    made.open()
    yield made
    made.close()


def test_a_file_is_read_once_and_one_that_is_gone_is_no_picture(pictures: Any, tmp_path: Path) -> None:
    path = tmp_path / "frame.png"
    assert pictures.of_file(path) == 0
    assert len(pictures._icons) == 0
    Image.new("RGB", (8, 6)).save(path)
    for _ in range(2):
        pictures.of_file(path)
    assert tuple(pictures._icons[str(path)].image_size) == (8, 6)


def test_the_engines_latest_picture_takes_the_place_of_the_one_before(pictures: Any) -> None:
    assert pictures.latest == 0
    for shade in (20, 200):
        stream = io.BytesIO()
        Image.new("RGB", (16, 8), (shade, shade, shade)).save(stream, "JPEG")
        for _ in range(2):
            pictures.take_in(stream.getvalue())
            _ = pictures.latest
        (icon,) = pictures._icons.values()
        assert tuple(icon.image_size) == (16, 8)
        assert np.allclose(np.array(icon.image_pixels_float)[:3] * 255, shade, atol=1.5)


def test_a_picture_is_made_only_when_it_is_not_there_yet(pictures: Any) -> None:
    made = []

    def make() -> UInt8:
        made.append(1)
        return np.zeros((4, 6, 4), np.uint8)

    for number in (1, 1, 2, 2):
        pictures.of_pixels("test", number, make)
    assert len(made) == 2
    pictures.close()
    pictures.of_pixels("test", 3, make)
    assert len(made) == 2, "without icons none is made"


def test_pixels_become_a_picture_the_right_way_up(pictures: Any) -> None:
    picture = np.zeros((4, 6, 4), np.uint8)
    picture[0] = 255
    pictures.of_pixels("test", 1, lambda: picture)
    icon = pictures._icons["test 1"]
    assert tuple(icon.image_size) == (6, 4)
    rows = np.array(icon.image_pixels_float).reshape(4, 6, 4)
    assert (rows[-1] == 1).all(), "Blender's first row is the lowest"
    assert (rows[:-1] == 0).all()
