"""Which colours a picture file says that it holds: an ICC profile, PNG's own marks, or a camera's mark in EXIF."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from .exif import exif_block
from .file_bytes import FileBytes, file_bytes
from .icc_profile import ProfileError, space_of_icc
from .rgb_space import (
    ADOBE_PRIMARIES,
    P3_PRIMARIES,
    REC2020_PRIMARIES,
    SRGB_PRIMARIES,
    Chromaticities,
    Curve,
    RgbSpace,
    gamma_curve,
    space_of,
    srgb_curve,
)
from .segments import JPEG_MARK, PNG_MARK, is_webp, jpeg_segments, png_chunks, webp_chunks
from .tiff import MARKS, TiffDirectory

_APP2 = 0xE2
_JPEG_HEAD = b"ICC_PROFILE\0"
_TIFF_PROFILE = 34675
_LARGEST_PROFILE = 2**24
"""Bytes. Profiles of cameras and screens have some kB; a few bytes may unpack to gigabytes."""
_EXIF_FOLDER, _SPACE, _INTEROPERABILITY = 0x8769, 0xA001, 0xA005
_ADOBE_GAMMA = 563 / 256

_CODED_PRIMARIES: dict[int, Chromaticities] = {1: SRGB_PRIMARIES, 9: REC2020_PRIMARIES, 12: P3_PRIMARIES}
"""Of the standard ITU-T H.273, which PNG and videos share."""
_CODED_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 13, 14, 15), srgb_curve),
    4: gamma_curve(2.2),
    5: gamma_curve(2.8),
    8: gamma_curve(1),
}
"""A camera's curve of video (1, 6, 14, 15) is shown on a screen as sRGB's is."""
HDR = {16: "PQ", 18: "HLG"}
"""H.273's curves of pictures that are brighter than white in places, and their names."""

_USUAL_GAMMA = 45455
_NEAR = 0.05
"""Share of a PNG's gamma by which it may be off what stands for sRGB's curve, as libpng has it."""


def read_rgb_space(path: Path, *, grey: bool) -> RgbSpace | None:
    """The colours of a JPEG, PNG, WebP or TIFF; None where they are sRGB or it says nothing.

    Args:
        path: the file.
        grey: it has one channel of colour.

    Raises:
        OSError: the file cannot be opened.
        ProfileError: what it says is not understood.
    """
    with file_bytes(path) as data:
        try:
            space = _space(data, grey)
        except (struct.error, IndexError, ValueError, zlib.error) as error:
            raise ProfileError("", "is broken") from error
    return None if space is None or space.is_srgb() else space


def coded_space(primaries: int, curve: int) -> RgbSpace:
    """The colours of two code points of the standard H.273.

    Raises:
        ProfileError: they are those of a picture brighter than white, or of no usual screen.
    """
    if curve in HDR:
        raise ProfileError(f"HDR ({HDR[curve]})", "is brighter than the white of a shot")
    if primaries not in _CODED_PRIMARIES or curve not in _CODED_CURVES:
        raise ProfileError(f"H.273 {primaries}/{curve}", "is not known")
    names = {9: "BT.2020", 12: "Display P3"}
    return space_of(
        names.get(primaries, f"H.273 {primaries}/{curve}"), _CODED_PRIMARIES[primaries], _CODED_CURVES[curve]
    )


def _space(data: FileBytes, grey: bool) -> RgbSpace | None:
    if data[:8] == PNG_MARK:
        return _png(data, grey)
    profile = _profile(data)
    if profile:
        return space_of_icc(profile, grey=grey)
    try:
        return _camera_space(exif_block(data))
    except (struct.error, IndexError):
        # Programs that edit photos leave broken EXIF behind: it says nothing then, as in read_photo_facts.
        return None


def _profile(data: FileBytes) -> bytes:
    """The ICC profile in a file that is no PNG; empty when there is none."""
    if data[:3] == JPEG_MARK:
        blocks = [data[start:end] for marker, start, end in jpeg_segments(data) if marker == _APP2]
        pieces = sorted(block.removeprefix(_JPEG_HEAD) for block in blocks if block.startswith(_JPEG_HEAD))
        if pieces and len(pieces) != pieces[0][1]:
            raise ProfileError("", "is broken")
        return b"".join(piece[2:] for piece in pieces)
    if is_webp(data):
        return next((data[start:end] for name, start, end in webp_chunks(data) if name == b"ICCP"), b"")
    return TiffDirectory(data).content(_TIFF_PROFILE) if data[:4] in MARKS else b""


def _camera_space(block: FileBytes) -> RgbSpace | None:
    """Adobe RGB, which cameras only mark, by the rule of file systems of cameras (DCF)."""
    if not block:
        return None
    main = TiffDirectory(block)
    folder = main.number(_EXIF_FOLDER, 0)
    if not folder:
        return None
    exif = TiffDirectory(block, folder)
    other = exif.number(_INTEROPERABILITY, 0)
    marked = other and TiffDirectory(block, other).content(1).startswith(b"R03")
    if marked or exif.number(_SPACE, 1) == 2:
        return space_of("Adobe RGB", ADOBE_PRIMARIES, gamma_curve(_ADOBE_GAMMA))
    return None


def _png(data: FileBytes, grey: bool) -> RgbSpace | None:
    chunks = {name: data[start:end] for name, start, end in png_chunks(data) if name in _PNG_MARKS}
    if b"cICP" in chunks:
        primaries, curve, matrix, full = chunks[b"cICP"][:4]
        if matrix or not full:
            raise ProfileError("video", "is not red, green and blue from 0 on")
        return coded_space(primaries, curve)
    if b"iCCP" in chunks:
        unpacker = zlib.decompressobj()
        profile = unpacker.decompress(chunks[b"iCCP"].partition(b"\0")[2][1:], _LARGEST_PROFILE)
        if not unpacker.eof:
            raise ProfileError("", "is broken")
        return space_of_icc(profile, grey=grey)
    if b"sRGB" in chunks:
        return None
    return _png_numbers(chunks)


_PNG_MARKS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")


def _png_numbers(chunks: dict[bytes, bytes]) -> RgbSpace | None:
    """The colours of PNG's gamma and chromaticities."""
    curve: Curve = srgb_curve
    primaries = SRGB_PRIMARIES
    if b"gAMA" in chunks:
        (gamma,) = struct.unpack(">I", chunks[b"gAMA"][:4])
        if gamma and abs(gamma / _USUAL_GAMMA - 1) > _NEAR:
            curve = gamma_curve(100_000 / gamma)
    if b"cHRM" in chunks:
        pairs = struct.iter_unpack(">II", chunks[b"cHRM"][:32])
        white, red, green, blue = ((x / 100_000, y / 100_000) for x, y in pairs)
        primaries = (red, green, blue, white)
        if any(y == 0 for _, y in primaries):
            raise ProfileError("cHRM", "is broken")
    return space_of("PNG's gamma", primaries, curve)
