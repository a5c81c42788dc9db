"""EXIF as Pillow writes it, and broken EXIF, which must never keep a photo out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from blender_addon.core.photo.exif import PhotoFacts, read_photo_facts


def write_photo(path: Path, focal: int | None, orientation: int | None) -> None:
    picture = Image.fromarray(np.zeros((4, 6, 3), np.uint8))
    exif = picture.getexif()
    if orientation is not None:
        exif[0x0112] = orientation
    if focal is not None:
        exif.get_ifd(0x8769)[0xA405] = focal
    picture.save(path, exif=exif)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_focal_length_and_orientation_are_found(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo.{suffix}"
    write_photo(path, 26, 6)
    assert read_photo_facts(path) == PhotoFacts(26.0, 6)


def test_a_tiff_is_its_own_exif(tmp_path: Path) -> None:
    write_photo(tmp_path / "photo.tif", None, 8)
    assert read_photo_facts(tmp_path / "photo.tif") == PhotoFacts(None, 8)


def test_a_photo_without_exif_tells_nothing(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / "plain.jpg")
    assert read_photo_facts(tmp_path / "plain.jpg") == PhotoFacts(None, 1)


def test_a_focal_length_of_zero_means_unknown(tmp_path: Path) -> None:
    write_photo(tmp_path / "zero.jpg", 0, None)
    assert read_photo_facts(tmp_path / "zero.jpg").focal_35mm is None


@given(st.data())
def test_damaged_exif_is_no_reason_to_refuse(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.jpg"
    write_photo(path, 26, 6)
    raw = bytearray(path.read_bytes())
    for _ in range(3):
        raw[data.draw(st.integers(2, min(len(raw), 200) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(2, len(raw)))])
    facts = read_photo_facts(path)
    assert 1 <= facts.orientation <= 8


def test_exif_behind_a_megabyte_of_pixels_is_found(tmp_path: Path) -> None:
    """WebP keeps it at the file's end, and so may TIFF."""
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.webp", exif=exif, lossless=True, quality=0, method=0)
    assert (tmp_path / "large.webp").stat().st_size > 1 << 20
    assert read_photo_facts(tmp_path / "large.webp") == PhotoFacts(None, 6)
