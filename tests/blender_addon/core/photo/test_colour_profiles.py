"""A photo's colours are those that its file says it holds: the profiles that photos carry, against littlecms."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from blender_addon.core.errors import PhotoError
from blender_addon.core.photo.photo_file import photo_header
from tests.blender_addon.core.photo.colour_profiles import (
    ADOBE,
    DISPLAY_P3,
    P3,
    SRGB_CURVE,
    icc_profile,
    parametric,
    png_with,
    power,
    table,
)

RGB = np.random.default_rng(3).integers(0, 256, (80, 60, 3), np.uint8)
SRGB = ImageCms.createProfile("sRGB")
DISPLAY_P3_CHROMATICITIES = (31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000)
"""White, red, green and blue, each times 100,000."""


def by_littlecms(profile: bytes) -> np.ndarray:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return np.array(ImageCms.profileToProfile(Image.fromarray(RGB), source, SRGB, renderingIntent=1))


def said_by(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(PhotoError) as caught:
        photo_header(path)
    return caught.value.sentence


PROFILES = {
    "Display P3": DISPLAY_P3,
    "Adobe RGB": icc_profile("Adobe RGB", ADOBE, power(563 / 256)),
    "a screen": icc_profile("a screen", P3, table(np.linspace(0, 1, 300) ** 1.8)),
    "light itself": icc_profile("light itself", P3, b"curv" + bytes(8)),
    "a power": icc_profile("a power", P3, parametric(0, 2.2)),
    "a power from a foot on": icc_profile("a power from a foot on", P3, parametric(1, 2.2, 1.1, -0.1)),
    "a power over a foot": icc_profile("a power over a foot", P3, parametric(2, 2.2, 1.0, -0.1, 0.05)),
    "all of a curve": icc_profile("all of a curve", P3, parametric(4, 2.4, 0.94, 0.05, 0.08, 0.04, 0.01, 0.002)),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_applied_as_littlecms_does(tmp_path: Path, name: str) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(RGB).save(path, icc_profile=PROFILES[name])
    space = photo_header(path).space
    assert space is not None
    assert space.name == name
    assert np.abs(space.srgb(RGB).astype(int) - by_littlecms(PROFILES[name])).max() <= 1
    assert np.abs(space.srgb(RGB).astype(int) - RGB).max() > 20
    of_16_bits = space.srgb(RGB.astype(np.uint16) * 257)
    np.testing.assert_array_equal(of_16_bits, space.srgb(RGB))


def test_a_profile_of_srgb_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(RGB).save(path, icc_profile=ImageCms.ImageCmsProfile(SRGB).tobytes())
    assert photo_header(path).space is None


def test_what_is_not_understood_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    scanner = icc_profile("A scanner", P3, SRGB_CURVE, also=b"A2B0")
    for profile, said in (
        (scanner, "has colours whose profile “A scanner” is a table of colours, which is not applied."),
        (icc_profile("Grey", P3, SRGB_CURVE, kind=b"GRAY"), "profile “Grey” is for another kind of picture."),
        (icc_profile("Flat", [P3[0]] * 3, SRGB_CURVE), "profile “Flat” is broken."),
        (icc_profile("Dark", P3, parametric(0, -2.2)), "profile “Dark” is broken."),
        (icc_profile("Even", P3, parametric(1, 2.2, 0.0, 0.0)), "profile “Even” is broken."),
        (icc_profile("Bent", P3, b"nope" + bytes(8)), "profile “Bent” is broken."),
        (b"nonsense" * 40, "has colours whose profile is broken. Convert it to sRGB"),
    ):
        Image.fromarray(RGB).save(path, icc_profile=profile)
        assert said in said_by(path, path.read_bytes())
    Image.fromarray(RGB).save(path)
    png = path.read_bytes()
    assert "“HDR (PQ)” is brighter than the white" in said_by(path, png_with(png, b"cICP", bytes([9, 16, 0, 1])))
    much = b"much\0\0" + zlib.compress(bytes(2**26))
    assert "whose profile is broken" in said_by(path, png_with(png, b"iCCP", much))
    assert "“H.273 2/2” is not known" in said_by(path, png_with(png, b"cICP", bytes([2, 2, 0, 1])))
    for name, content in (
        (b"cICP", b"\1"),
        (b"cHRM", bytes(32)),
        (b"cHRM", bytes(16)),
        (b"cHRM", struct.pack(">8I", *[30_000] * 8)),
    ):
        assert "is broken. Convert it to sRGB" in said_by(path, png_with(png, name, content))
    assert "“video” is not red, green and blue" in said_by(path, png_with(png, b"cICP", bytes([1, 13, 1, 0])))


def test_the_primaries_of_a_png_are_applied_unless_it_says_srgb(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(RGB).save(path)
    wide = png_with(path.read_bytes(), b"cHRM", struct.pack(">8I", *DISPLAY_P3_CHROMATICITIES))
    path.write_bytes(wide)
    space = photo_header(path).space
    assert space is not None
    assert np.abs(space.srgb(RGB).astype(int) - by_littlecms(DISPLAY_P3)).max() <= 1
    path.write_bytes(png_with(wide, b"sRGB", b"\0"))
    assert photo_header(path).space is None


def test_a_profile_of_which_a_piece_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(RGB).save(path, icc_profile=DISPLAY_P3)
    whole = path.read_bytes()
    assert "profile is broken" in said_by(path, whole.replace(b"ICC_PROFILE\0\1\1", b"ICC_PROFILE\0\1\2"))


def with_exif(content: bytes) -> bytes:
    written = io.BytesIO()
    Image.fromarray(RGB).save(written, "JPEG", exif=b"Exif\0\0" + content)
    return written.getvalue()


def written_as(kind: str) -> bytes:
    written = io.BytesIO()
    Image.fromarray(RGB).save(written, kind)
    return written.getvalue()


TURNED = struct.pack("<4sIHHHII", b"II*\0", 8, 2, 0x0112, 3, 1, 6)
TO_EXIF = struct.pack("<HHI", 0x8769, 4, 1)


@pytest.mark.parametrize(
    "content",
    [
        with_exif(b"II*\0"),
        with_exif(TURNED + TO_EXIF + struct.pack("<II", 70_000, 0)),
        with_exif(TURNED + TO_EXIF + struct.pack("<IIHHHIII", 38, 0, 1, 0xA005, 4, 1, 70_000, 0)),
        written_as("PNG") + b"\n",
        written_as("WebP") + b"\n",
    ],
    ids=[
        "a head alone",
        "a folder beyond the end",
        "a mark beyond the end",
        "PNG and a line end",
        "WebP and a line end",
    ],
)
def test_a_photo_is_not_refused_for_broken_exif_or_for_what_follows_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo"
    path.write_bytes(content)
    assert photo_header(path).space is None
