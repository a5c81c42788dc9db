"""One table of small files: Blender and the server read the same pixels and metres of them, or refuse them alike."""

from __future__ import annotations

import struct
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.depth.depth_format import DepthFormat
from server.depth import photo_files

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from blender_addon.scene.importing.depth_file import read_depth  # noqa: E402
from blender_addon.scene.importing.mask_file import read_mask  # noqa: E402
from tests.blender_addon.scene.read_alike import (  # noqa: E402
    GREY,
    IN_COLOUR,
    MILLIMETRES,
    RGB,
    RGBA,
    WITH_ALPHA,
    Make,
    blenders_photo,
    compare,
    outcome,
    picture,
    servers_photo,
    sixteen_bits,
)
from tests.support.exr_files import write_exr, write_rendered_depth  # noqa: E402

METRES = np.where(RGB[..., 0] < 20, np.nan, RGB[..., 1] / 16).astype(np.float32)


def held(orientation: int, focal: int) -> Make:
    """A photo with these two facts in its EXIF."""

    def make(path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif.get_ifd(0x8769)[0xA405] = focal
        Image.fromarray(RGB).save(path, exif=exif)

    return make


def cut(whole: Make, share: float = 0.5) -> Make:
    """The file's first part only, as a broken copy leaves it."""

    def make(path: Path) -> None:
        whole(path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return make


def hit(whole: Make, away: int = 1000, instead: bytes = b"") -> Make:
    """A file that ends as it should, but lacks bytes of its middle, or has others there."""

    def make(path: Path) -> None:
        whole(path)
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + instead + content[middle + away :])

    return make


def holding(content: bytes) -> Make:
    return lambda path: path.write_bytes(content)


def named(other: str, make: Make) -> Make:
    """What the file would be if it were called `other`."""

    def make_and_rename(path: Path) -> None:
        make(path.with_name(other))
        path.with_name(other).rename(path)

    return make_and_rename


def arrays(**content: NDArray[Any]) -> Make:
    return lambda path: np.savez(path, **content)


def array(content: NDArray[Any]) -> Make:
    return lambda path: np.save(path, content)


def nothing(path: Path) -> None:
    assert not path.exists()


BIG = np.array([[0, 1, 2500, 70_000, 4_000_000, 1234]] * 4, np.int32)
GREY_AS_RGB = np.repeat(MILLIMETRES[..., None], 3, axis=2)
GREY_AS_RGBA = np.concatenate([GREY_AS_RGB, np.full((40, 60, 1), 65535, np.uint16)], axis=2)


def several(**options: Any) -> Make:
    """A file of two pictures: an animation, pages, or what a phone keeps beside its photo."""

    def make(path: Path) -> None:
        other = Image.fromarray(255 - RGB)
        Image.fromarray(RGB).save(path, save_all=True, append_images=[other], **options)

    return make


def multiplied(alpha: NDArray[np.uint8]) -> Make:
    """A TIFF whose colours are multiplied by this alpha."""
    colours = np.rint(RGB * (alpha[..., None] / 255))

    def make(path: Path) -> None:
        Image.fromarray(np.dstack([colours, alpha]).astype(np.uint8)).save(path)
        # Pillow always says that they are not.
        extra_samples = (338, 3, 1)
        said, meant = (struct.pack("<HHII", *extra_samples, kind) for kind in (2, 1))
        path.write_bytes(path.read_bytes().replace(said, meant))

    return make


def several_floats(path: Path) -> None:
    """Three floats a pixel: Pillow writes one, so its header is made to say three."""
    Image.fromarray(np.tile(METRES, (1, 3))).save(path, tiffinfo={277: 3})


def claiming(width: int, height: int) -> Make:
    """A PNG of a few hundred bytes that says it is larger than it is."""

    def make(path: Path) -> None:
        picture(GREY)(path)
        content = bytearray(path.read_bytes())
        content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        content[29:33] = crc32(content[12:29]).to_bytes(4, "big")
        path.write_bytes(content)

    return make


ANIMATION = "is an animation, not one photo. Save one of its frames as JPEG or PNG."
INKS = "holds inks (CMYK) or other numbers than red, green and blue. Convert it to RGB: save it as JPEG or PNG."
FLOATS = "holds floating point numbers, which do not say how bright white is. "
INTEGERS = "holds numbers of neither 8 nor 16 bits. "
RAW = "is a camera's raw data. Develop it first: save it as JPEG, PNG or TIFF."
NO_PHOTO = "is no JPEG, PNG, WebP or TIFF. Save it as JPEG or PNG."
CUT_PHOTO = "ends before its last row. Copy it again."
DAMAGED = "the data of {} are wrong or missing in some place. Copy it again; or"

PHOTOS: dict[str, tuple[Make, str]] = {
    "rgb.png": (picture(RGB), ""),
    "grey.png": (picture(GREY), ""),
    "alpha.png": (picture(RGBA), ""),
    "grey_alpha.png": (picture(RGBA[..., :2]), ""),
    "palette.png": (picture(RGB, "P"), ""),
    "palette_alpha.png": (picture(RGB, "P", transparency=3), ""),
    "two_colours.png": (picture(RGB, "1"), ""),
    "rgb.jpg": (picture(RGB, quality=95), ""),
    "progressive.jpg": (picture(RGB, quality=60, progressive=True), ""),
    "grey.jpg": (picture(GREY), ""),
    "grey_16.png": (picture(MILLIMETRES), ""),
    "dark_16.png": (picture(MILLIMETRES // 16), ""),
    "grey_16.tif": (picture(MILLIMETRES), ""),
    "grey_held.tif": (picture(GREY, tiffinfo={0x0112: 6}), ""),
    "grey_16_held.tif": (picture(MILLIMETRES, tiffinfo={0x0112: 6}), ""),
    "rgb_16.png": (sixteen_bits("png", "rgb48be", IN_COLOUR), ""),
    "alpha_16.png": (sixteen_bits("png", "rgba64be", WITH_ALPHA), ""),
    "rgb_16.tif": (sixteen_bits("tiff", "rgb48le", IN_COLOUR), ""),
    "two_colours.tif": (picture(RGB, "1", compression="group4"), ""),
    "luma.tif": (picture(RGB, "YCbCr"), ""),
    "palette.tif": (picture(RGB, "P"), ""),
    "alpha.tif": (picture(RGBA), ""),
    "opaque.tif": (multiplied(np.full_like(GREY, 255)), ""),
    "two_pages.tif": (several(), ""),
    "two_pictures.jpg": (named("a.mpo", several(quality=95)), ""),
    "multiplied.tif": (multiplied(GREY), "Flatten it, or save it without transparency."),
    "moving.png": (several(), ANIMATION),
    "moving.webp": (several(lossless=True), ANIMATION),
    "inks.jpg": (picture(RGB, "CMYK"), INKS),
    "inks.tif": (picture(RGB, "CMYK"), INKS),
    "lab.tif": (picture(RGB, "LAB"), INKS),
    "floats.tif": (picture(METRES), FLOATS),
    "linear.tif": (several_floats, FLOATS),
    "integers.tif": (picture(BIG), INTEGERS),
    "small_beside_raw.tif": (picture(RGB, tiffinfo={254: 1}), RAW),
    "raw.dng": (named("a.tif", picture(RGB, tiffinfo={50706: b"\1\4\0\0"})), RAW),
    "claims.png": (claiming(60_000, 50_000), "has more than 400 million pixels. "),
    "rgb.tif": (picture(RGB), ""),
    "grey.tif": (picture(GREY), ""),
    "packed.tif": (picture(RGB, compression="tiff_lzw"), ""),
    "large_offsets.tif": (picture(RGB, big_tiff=True), ""),
    "rgb.webp": (picture(RGB, lossless=True), ""),
    "lossy.webp": (picture(RGB, quality=70), ""),
    "alpha.webp": (picture(RGBA, lossless=True), ""),
    **{f"held_{n}.jpg": (held(n, 26), "") for n in range(10)},
    **{f"held.{suffix}": (held(6, 26), "") for suffix in ("png", "tif", "webp")},
    "no_focal.jpg": (held(1, 0), ""),
    "png_inside.jpg": (named("a.png", picture(RGB)), ""),
    "no_suffix": (named("a.png", picture(RGB)), ""),
    "any.doc": (named("a.jpg", picture(RGB)), ""),
    "missing.png": (nothing, "There is no such photo: "),
    "folder.png": (Path.mkdir, " is a folder."),
    "empty.png": (holding(b""), NO_PHOTO),
    "empty.jpg": (holding(b""), NO_PHOTO),
    "text.png": (holding(b"not a picture"), NO_PHOTO),
    "phone.heic": (holding(b"\0\0\0\x18ftypheic\0\0\0\0"), "{}, which is HEIC, " + NO_PHOTO),
    "array.npy": (array(METRES), NO_PHOTO),
    "moving.gif": (picture(RGB), "{}, which is GIF, " + NO_PHOTO),
    "bitmap.bmp": (picture(RGB), "{}, which is BMP, " + NO_PHOTO),
    **{f"cut.{suffix}": (cut(picture(RGB)), CUT_PHOTO) for suffix in ("png", "jpg", "tif", "webp")},
    **{f"head_only.{suffix}": (cut(picture(RGB), 0.01), CUT_PHOTO) for suffix in ("png", "tif", "webp")},
    "without_a_part.jpg": (hit(picture(RGB, quality=95)), DAMAGED),
    "without_a_half.jpg": (hit(picture(RGB, quality=95), 10_000, b"\xff\xd9"), DAMAGED),
    "progressive_hit.jpg": (hit(picture(RGB, progressive=True)), DAMAGED),
    "wiped.png": (hit(picture(RGB), 40, bytes(40)), "the pixels of {} cannot be decoded. Save it as JPEG or PNG."),
    "wiped.tif": (hit(picture(RGB, compression="tiff_adobe_deflate"), 40, bytes(40)), DAMAGED),
    "last_byte.jpg": (cut(picture(RGB), 0.999), CUT_PHOTO),
}
"""Name -> how the file is made, and the end of the sentence that refuses it; "" for a photo that is read."""

ASKED = "on the command line --relative bright,NEAREST,FARTHEST (metres), or `realcam depth calibrate` first."
NO_SCALE = "choose its depth instead. Export it as 16-bit PNG, EXR or NPY."
CUT_DEPTH = "ends before its last row. Copy it again."
NO_PICTURE = "is no PNG, TIFF or JPEG. Export it as 16-bit PNG, EXR or NPY."
OTHER_KIND = "Use 16-bit PNG, EXR, NPY or NPZ."

DEPTHS: dict[str, tuple[Make, str]] = {
    "millimetres.png": (picture(MILLIMETRES), ""),
    "grey_as_rgb.png": (sixteen_bits("png", "rgb48be", GREY_AS_RGB), ""),
    "grey_as_rgba.png": (sixteen_bits("png", "rgba64be", GREY_AS_RGBA), ""),
    "colours.png": (sixteen_bits("png", "rgb48be", IN_COLOUR), NO_SCALE),
    "grey_8.png": (picture(GREY), ASKED),
    "rgb_8.png": (picture(RGB), NO_SCALE),
    "alpha_8.png": (picture(RGBA), NO_SCALE),
    "palette.png": (picture(RGB, "P"), NO_SCALE),
    "two_steps.png": (picture(RGB, "1"), ASKED),
    "eight_in_sixteen.png": (picture(GREY.astype(np.uint16) * 257), "turn on Trust the Unit (--trust-unit)."),
    "rotated.png": (picture(MILLIMETRES // 8 * 8), "SUN3D"),
    "fives.png": (picture(MILLIMETRES // 5 * 5), "1/5000 m (TUM)"),
    "share.npy": (array((GREY / 255).astype(np.float32)), ": its numbers run from 0 to 1. "),
    "grey_8.npy": (array(GREY), ASKED),
    "disparity.npz": (arrays(disparity=METRES), "is called “disparity”"),
    "grey.jpg": (picture(GREY, quality=95), ASKED),
    "grey.pgm": (picture(GREY), ASKED),
    "empty.pgm": (holding(b""), "is no PGM."),
    "cut.pgm": (cut(picture(GREY)), CUT_DEPTH),
    "millimetres.tif": (picture(MILLIMETRES), ""),
    "millimetres_32.tif": (picture(BIG), ""),
    "large_offsets.tif": (picture(MILLIMETRES, big_tiff=True), ""),
    "packed.tiff": (picture(MILLIMETRES, compression="tiff_adobe_deflate"), ""),
    "held.png": (picture(MILLIMETRES, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0"), ""),
    "held.tif": (picture(MILLIMETRES, tiffinfo={0x0112: 6}), ""),
    "grey_as_rgb.tif": (sixteen_bits("tiff", "rgb48le", GREY_AS_RGB), ""),
    "metres.tif": (picture(METRES), ""),
    "whole_metres.tif": (picture(np.ones((4, 6), np.float32)), ""),
    "grey_8.tif": (picture(GREY), ASKED),
    "inks.tif": (picture(RGB, "CMYK"), " (other) of 8 bits (unsigned). Export it as 16-bit PNG, EXR or NPY."),
    "png_inside.tif": (named("a.png", picture(MILLIMETRES)), ""),
    "jpeg_inside.png": (named("a.jpg", picture(GREY)), ASKED),
    "photo.jpg": (picture(RGB), NO_SCALE),
    "grey_hit.jpg": (hit(picture(GREY, quality=95)), DAMAGED),
    "notes.doc": (holding(b"x"), OTHER_KIND),
    "no_suffix": (named("a.png", picture(MILLIMETRES)), OTHER_KIND),
    "missing.png": (nothing, "There is no such depth file: "),
    "missing.npy": (nothing, "There is no such depth file: "),
    "folder.npy": (Path.mkdir, " is a folder."),
    "empty.png": (holding(b""), NO_PICTURE),
    "empty.npy": (holding(b""), "No data left in file."),
    "empty.npz": (holding(b""), "No data left in file."),
    "empty.exr": (holding(b""), "The EXR is broken"),
    "text.png": (holding(b"not a picture"), NO_PICTURE),
    "array_inside.png": (named("a.npy", array(METRES)), NO_PICTURE),
    "cut_8.png": (cut(picture(RGB)), CUT_DEPTH),
    "cut.png": (cut(picture(MILLIMETRES)), CUT_DEPTH),
    "cut.tif": (cut(picture(METRES)), CUT_DEPTH),
    "cut.npy": (cut(array(METRES)), "The depth file is not a NumPy array of numbers"),
    "cut.npz": (cut(arrays(depth=METRES)), "The depth file is not a NumPy array of numbers"),
    "metres.npy": (array(METRES), ""),
    "millimetres.npy": (array(MILLIMETRES), ""),
    "behind.npy": (array(-METRES), ""),
    "colours.npy": (array(RGB.astype(np.float32)), "The depth file is not a map of one number a pixel"),
    "complex.npy": (array(METRES.astype(np.complex64)), "complex64."),
    "one.npz": (arrays(anything=METRES), ""),
    "usual.npz": (arrays(depth=METRES, confidence=GREY), ""),
    "two.npz": (
        arrays(near=METRES, far=METRES),
        "which array is the depth: two.npz holds near, far. Name it: in",
    ),
}


NOTHING_SAID = DepthFormat()
RELATIVE = DepthFormat(kind="relative", near="bright", nearest=1.0, farthest=8.0)


def compare_depth(path: Path, refused: str = "", meaning: DepthFormat = NOTHING_SAID) -> None:
    compare(
        path,
        lambda: (read_depth(path, meaning), None),
        lambda: (photo_files.read_depth(path, meaning), None),
        refused,
    )


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_is_read_alike(blender: ModuleType, tmp_path: Path, name: str) -> None:
    make, refused = PHOTOS[name]
    path = tmp_path / name
    make(path)
    # 16 bits are rounded, and colour differences and palettes of TIFFs worked out, by different libraries.
    levels = 1 if "16" in name or name in ("luma.tif", "palette.tif") else 0
    compare(path, partial(blenders_photo, blender, path), partial(servers_photo, path), refused, levels)


MASKS = ("rgb.png", "alpha.png", "grey_alpha.png", "palette_alpha.png", "grey_16.png", "rgb_16.png", "alpha_16.png")
MASKS_HELD = ("held_6.jpg", "held.png", "grey_16_held.tif", "grey_held.tif", "alpha.webp")


def test_masks_are_read_alike(blender: ModuleType, tmp_path: Path) -> None:
    for name in MASKS + MASKS_HELD:
        PHOTOS[name][0](tmp_path / name)
        theirs = photo_files.read_mask(tmp_path / name)
        mine = read_mask(tmp_path / name, theirs.shape[::-1]).inside()
        np.testing.assert_array_equal(mine, theirs, err_msg=name)


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_is_read_alike(blender: ModuleType, tmp_path: Path, name: str) -> None:
    make, refused = DEPTHS[name]
    make(tmp_path / name)
    compare_depth(tmp_path / name, refused)


@pytest.mark.parametrize("name", ["grey_8.png", "grey.jpg", "grey.pgm", "grey_8.npy", "two_steps.png", "grey_8.tif"])
def test_relative_depth_is_read_alike(blender: ModuleType, tmp_path: Path, name: str) -> None:
    DEPTHS[name][0](tmp_path / name)
    compare_depth(tmp_path / name, meaning=RELATIVE)


@pytest.mark.parametrize("codec", ["NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24"])
def test_an_exr_is_read_alike(blender: ModuleType, tmp_path: Path, codec: str) -> None:
    write_exr(blender, tmp_path / "depth.exr", np.nan_to_num(METRES), codec)
    compare_depth(tmp_path / "depth.exr")


def test_a_render_with_layers_is_read_alike(blender: ModuleType, tmp_path: Path) -> None:
    write_rendered_depth(blender, tmp_path / "render.exr", distance=4.0)
    compare_depth(tmp_path / "render.exr")


@pytest.mark.parametrize("codec", ["PIZ", "PXR24", "DWAA"])
def test_layers_of_other_compressions_need_a_library(
    blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    path = tmp_path / "render.exr"
    write_rendered_depth(blender, path, distance=4.0, codec=codec)
    refused = f"{path} is {codec}. Save it with ZIP compression."
    # As in Debian's Blender, and in the wheel of it.
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    assert refused in str(outcome(lambda: (read_depth(path, NOTHING_SAID), None)))
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    assert refused in str(outcome(lambda: (photo_files.read_depth(path, NOTHING_SAID), None)))
    monkeypatch.undo()

    # As in Blender's own builds, which put it where Python looks.
    brought = Path(blender.utils.resource_path("LOCAL")).glob("python/lib/*/site-packages")
    monkeypatch.setattr(sys, "path", [*sys.path, *map(str, brought)])
    compare_depth(path)
    np.testing.assert_allclose(np.nanmin(photo_files.read_depth(path, NOTHING_SAID)), 4.0, rtol=1e-4)


def test_depth_of_32_bits_is_in_millimetres(blender: ModuleType, tmp_path: Path) -> None:
    Image.fromarray(BIG).save(tmp_path / "depth.tif")
    np.testing.assert_allclose(read_depth(tmp_path / "depth.tif", DepthFormat())[0, 1:], BIG[0, 1:] / 1000, rtol=1e-6)


def test_floats_that_could_be_whole_numbers_are_metres(blender: ModuleType, tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 6), np.float32)).save(tmp_path / "depth.tif")
    np.testing.assert_array_equal(read_depth(tmp_path / "depth.tif", DepthFormat()), 1.0)
