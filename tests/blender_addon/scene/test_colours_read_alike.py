"""Photos that say what their colours are: Blender shows, and both readers send, the same sRGB of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from blender_addon.scene import photo_file  # noqa: E402
from tests.blender_addon.core.photo.colour_profiles import (  # noqa: E402
    DISPLAY_P3,
    SRGB_CURVE,
    icc_profile,
    png_with,
    power,
)
from tests.blender_addon.scene.read_alike import (  # noqa: E402
    GREY,
    IN_COLOUR,
    MILLIMETRES,
    RGB,
    RGBA,
    Make,
    blenders_photo,
    compare,
    picture,
    servers_photo,
    sixteen_bits,
)


def marked(whole: Make, name: bytes, content: bytes) -> Make:
    """A PNG with another chunk, which says what its colours are."""

    def make(path: Path) -> None:
        whole(path)
        path.write_bytes(png_with(path.read_bytes(), name, content))

    return make


def by_a_camera(path: Path) -> None:
    """A JPEG in Adobe RGB as cameras mark it: by a name in its EXIF, without a profile."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    Image.fromarray(RGB).save(path, exif=exif)


def held(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(path, exif=exif, icc_profile=DISPLAY_P3)


GAMMA_1_8 = (55556).to_bytes(4, "big")
CONVERTED: dict[str, Make] = {
    **{f"p3.{suffix}": picture(RGB, icc_profile=DISPLAY_P3) for suffix in ("png", "jpg", "tif")},
    "p3.webp": picture(RGB, icc_profile=DISPLAY_P3, lossless=True),
    "alpha.png": picture(RGBA, icc_profile=DISPLAY_P3),
    "held.jpg": held,
    "p3_16.png": marked(sixteen_bits("png", "rgb48be", IN_COLOUR), b"cICP", bytes([12, 13, 0, 1])),
    "grey_16.png": marked(picture(MILLIMETRES), b"gAMA", GAMMA_1_8),
    "coded.png": marked(picture(RGB), b"cICP", bytes([12, 13, 0, 1])),
    "gamma.png": marked(picture(RGB), b"gAMA", GAMMA_1_8),
    "grey.jpg": picture(GREY, icc_profile=icc_profile("Grey", (), power(1.8), kind=b"GRAY")),
    "adobe.jpg": by_a_camera,
}
AS_STORED: dict[str, Make] = {
    "usual_gamma.png": marked(picture(RGB), b"gAMA", (45455).to_bytes(4, "big")),
    "video.png": marked(picture(RGB), b"cICP", bytes([1, 1, 0, 1])),
}
REFUSED: dict[str, tuple[Make, str]] = {
    "hdr.png": (marked(picture(RGB), b"cICP", bytes([9, 18, 0, 1])), "“HDR (HLG)” is brighter than the white"),
    "grey_ink.jpg": (picture(RGB, icc_profile=icc_profile("Ink", (), SRGB_CURVE, kind=b"GRAY")), "“Ink” is for"),
}


@pytest.mark.parametrize("name", CONVERTED | AS_STORED)
def test_colours_are_shown_and_sent_alike(blender: ModuleType, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    (CONVERTED | AS_STORED)[name](path)
    before = path.read_bytes()
    compare(path, partial(blenders_photo, blender, path), partial(servers_photo, path), "", 1)

    image = photo_file.read_photo(path).image
    # Blender 5 reads some marks itself, and would show their space's colours.
    assert image.colorspace_settings.name == blender.data.images.new("plain", 1, 1).colorspace_settings.name
    assert (image.packed_file is not None) == (name in CONVERTED)
    assert path.read_bytes() == before
    if name in CONVERTED and "16" not in name:
        with Image.open(path) as stored:
            moved = np.array(stored.convert("RGB")).astype(int).sum() - photo_file.photo_pixels(image).sum(dtype=int)
        assert abs(moved) > RGB.size


@pytest.mark.parametrize("name", REFUSED)
def test_colours_that_are_not_understood_are_refused_alike(blender: ModuleType, tmp_path: Path, name: str) -> None:
    make, refused = REFUSED[name]
    make(tmp_path / name)
    compare(
        tmp_path / name,
        partial(blenders_photo, blender, tmp_path / name),
        partial(servers_photo, tmp_path / name),
        refused,
    )
