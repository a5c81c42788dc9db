"""What pictures say of themselves, also when they are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from blender_addon.core.photo.picture_header import PictureHeader, read_picture_header

RGB = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
DEPTH = np.arange(96, dtype=np.uint16).reshape(8, 12)

PICTURES = {
    "rgb.jpg": (RGB, PictureHeader("JPEG", 8, 3, "rgb", size=(12, 8))),
    "grey.jpg": (RGB[..., 0], PictureHeader("JPEG", 8, 1, "grey", size=(12, 8))),
    "rgb.png": (RGB, PictureHeader("PNG", 8, 3, "rgb", size=(12, 8))),
    "depth.png": (DEPTH, PictureHeader("PNG", 16, 1, "grey", size=(12, 8))),
    "rgb.webp": (RGB, PictureHeader("WebP", 8, 3, "rgb", size=(12, 8))),
    "rgb.tif": (RGB, PictureHeader("TIFF", 8, 3, "rgb", size=(12, 8))),
    "depth.tif": (DEPTH, PictureHeader("TIFF", 16, 1, "grey", size=(12, 8))),
    "metres.tif": (DEPTH.astype(np.float32), PictureHeader("TIFF", 32, 1, "grey", "float", size=(12, 8))),
    "signed.tif": (DEPTH.astype(np.int32), PictureHeader("TIFF", 32, 1, "grey", "signed", size=(12, 8))),
}


@pytest.mark.parametrize("name", PICTURES)
def test_bits_channels_and_numbers(tmp_path: Path, name: str) -> None:
    pixels, header = PICTURES[name]
    Image.fromarray(pixels).save(tmp_path / name)
    assert read_picture_header(tmp_path / name) == header


@pytest.mark.parametrize("name", PICTURES)
def test_bytes_after_the_picture_do_not_matter(tmp_path: Path, name: str) -> None:
    """A phone puts the film of a moving photo there."""
    pixels, header = PICTURES[name]
    Image.fromarray(pixels).save(tmp_path / name)
    with (tmp_path / name).open("ab") as file:
        file.write(b"\0\0\0\x18ftypmp42" * 9)
    assert read_picture_header(tmp_path / name) == header


def test_padding_before_a_marker_and_webp_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "rgb.jpg"
    Image.fromarray(RGB).save(path)
    path.write_bytes(path.read_bytes()[:2] + b"\xff\xff" + path.read_bytes()[2:])
    assert read_picture_header(path) == PICTURES["rgb.jpg"][1]
    path.write_bytes(path.read_bytes()[:30] + b"\xff\xd9")
    cut = read_picture_header(path)
    assert cut is not None
    assert not cut.whole
    Image.fromarray(RGB).save(tmp_path / "rgb.webp", lossless=True)
    assert read_picture_header(tmp_path / "rgb.webp") == PICTURES["rgb.webp"][1]


@pytest.mark.parametrize("content", [b"", b"\xff", b"RIFF\0\0\0\0WAVE", b"GIF89a", b"\x76\x2f\x31\x01"])
def test_anything_else_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "photo.png").write_bytes(content)
    assert read_picture_header(tmp_path / "photo.png") is None


@given(st.sampled_from(sorted(PICTURES)), st.data())
def test_a_damaged_picture_has_some_header_or_none(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    Image.fromarray(PICTURES[name][0]).save(path)
    raw = bytearray(path.read_bytes())
    for _ in range(4):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    read_picture_header(path)
