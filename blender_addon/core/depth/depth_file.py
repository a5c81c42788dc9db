"""Depth files to metres: PNG, TIFF, JPEG, WebP, PGM, EXR with Blender's Z, NPY and NPZ.

One set of rules for the add-on and the server: the file's header decides whether it is read and how, and what is not
certain is asked (depth_question.py). Each side brings its own decoder of pictures: Blender, or Pillow and FFmpeg.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import BROKEN_ARRAYS, Float32, UInt8
from ..errors import PhotoError
from ..photo.exif import read_photo_facts
from ..photo.photo_file import upright
from ..photo.picture_header import PictureHeader, read_picture_header
from .colour_scales import is_grey, numbers_of_colours
from .depth_format import DepthFormat
from .depth_numbers import to_metres
from .depth_question import DepthQuestionError, StoredDepth, check_meaning, check_reach, which_channel
from .exr import UnsupportedExrError, depth_channel, exr_channels, exr_window, read_exr_channel
from .exr_layers import grey_channels
from .pgm import read_pgm

DEPTH_SUFFIXES = (".npz", ".npy", ".exr", ".png", ".tif", ".tiff", ".pgm", ".jpg", ".jpeg", ".webp")
"""Endings of the files that are read, in lower case."""
METRIC_SUFFIXES = DEPTH_SUFFIXES[:6]
"""Those of them that can hold metres."""

_EXPORT = "Export it as 16-bit PNG, EXR or NPY."
_GREY = {
    ("unsigned", 16): np.uint16,
    ("signed", 16): np.int16,
    ("unsigned", 32): np.uint32,
    ("signed", 32): np.int32,
    ("float", 32): np.float32,
}
"""What a PNG or TIFF of one channel may hold by (kind of number, bits)."""


class PictureDecoder(Protocol):
    """Decodes pictures that NumPy alone cannot read."""

    def numbers(self, path: Path, header: PictureHeader) -> NDArray[Any] | None:
        """The numbers of a PNG or TIFF, top row first.

        Args:
            path: the file.
            header: of the file, which is whole: one channel of 16 or 32 bits, or RGB or RGBA of 16.

        Returns:
            [h, w], or [h, w, 3 or 4] of a file in colour; of an integer type unless the file's numbers are floats. None
            when it cannot be decoded.
        """
        ...

    def colours(self, path: Path) -> UInt8 | None:
        """The pixels [h, w, 3] of a picture of 8 bits or less a channel; None when it cannot be decoded."""
        ...

    def single_layer(self, path: Path) -> NDArray[Any] | None:
        """The colours of an EXR of one layer whose compression core.depth.exr does not read.

        Returns:
            [h, w, 1 or more], or None when the file has layers or cannot be decoded.
        """
        ...

    def exr_channel(self, path: Path, part: int, name: str) -> NDArray[Any] | None:
        """The numbers of any channel of such an EXR, where a library for that is there; see ChannelDecoder."""
        ...

    def exr_library_remedy(self) -> str:
        """What to do where that library is missing, as a sentence; "" where it is there or nothing brings it."""
        ...


def read_depth_file(
    path: Path, depth_format: DepthFormat, decoder: PictureDecoder, *, trust_unit: bool = False
) -> Float32:
    """Read a depth file as depth in metres.

    Zero and negative depths are kept, so that photo_checks.py can report them.

    Args:
        path: the file.
        depth_format: what its numbers mean.
        decoder: for PNG, TIFF, JPEG, WebP, and EXR that core.depth.exr does not read.
        trust_unit: do not doubt the unit, whatever the numbers look like.

    Returns:
        [h, w] float32 metres along z, top row first, NaN where unknown.

    Raises:
        DepthQuestionError: it is not certain what the numbers mean.
        PhotoError: the file cannot be read, is no map of one number a pixel, or the format is not complete.
    """
    try:
        stored = read_stored_depth(path, depth_format.channel, decoder)
    except DepthQuestionError as question:
        raise question.keeping(depth_format) from None
    check_meaning(stored, depth_format, trust_unit=trust_unit)
    metres = to_metres(stored.numbers, depth_format, whole_numbers=stored.whole_numbers)
    if not trust_unit:
        check_reach(metres, stored, depth_format)
    return metres


def read_stored_depth(path: Path, channel: str, decoder: PictureDecoder) -> StoredDepth:
    """The numbers of a depth file in its own type, before anything is decided about them.

    Args:
        path: the file.
        channel: name of the array or channel, "" to find it.
        decoder: as read_depth_file has it.

    Raises:
        DepthQuestionError: it is not certain which array or channel is the depth.
        PhotoError: the file cannot be read, or is no map of one number a pixel.
    """
    if not path.is_file():
        raise PhotoError("There is no such depth file", f"{path} is a folder" if path.is_dir() else str(path))
    try:
        return _stored(path, channel, decoder)
    except OSError as error:
        raise PhotoError("The depth file cannot be read", f"{path}: {error.strerror or error}") from error


def _stored(path: Path, channel: str, decoder: PictureDecoder) -> StoredDepth:
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        numbers, name = _numpy_array(path, channel)
        return StoredDepth(_one_number_a_pixel(path, numbers), name=name)
    if suffix == ".exr":
        numbers, name = _exr(path, channel, decoder)
        return StoredDepth(_one_number_a_pixel(path, numbers), name=name)
    if suffix == ".pgm":
        return StoredDepth(read_pgm(path))
    if suffix in DEPTH_SUFFIXES:
        return _picture(path, decoder)
    raise PhotoError("This kind of depth file is not read", path.name, "Use 16-bit PNG, EXR, NPY or NPZ.")


def _one_number_a_pixel(path: Path, numbers: NDArray[Any]) -> NDArray[Any]:
    if numbers.ndim == 3 and 1 in (numbers.shape[0], numbers.shape[2]):
        numbers = numbers[0] if numbers.shape[0] == 1 else numbers[..., 0]
    if numbers.ndim != 2 or not numbers.size:
        raise PhotoError("The depth file is not a map of one number a pixel", f"{path}: {list(numbers.shape)}")
    return numbers


def _picture(path: Path, decoder: PictureDecoder) -> StoredDepth:
    """The numbers of a picture, in their own type."""
    header = read_picture_header(path)
    if header is None:
        raise PhotoError("The depth file cannot be read", f"{path} is no PNG, TIFF or JPEG", _EXPORT)
    if not header.whole:
        raise PhotoError("The depth file cannot be read", f"{path} ends before its last row", "Copy it again.")
    steps = header.bits <= 8 and header.model in ("grey", "rgb", "palette")
    grey = header.model == "grey" and header.channels == 1 and (header.numbers, header.bits) in _GREY
    colours = header.model == "rgb" and header.channels in (3, 4) and (header.numbers, header.bits) == ("unsigned", 16)
    if not steps and not grey and not colours:
        raise PhotoError(
            "This kind of depth picture is not read",
            f"{path} has {header.channels} channels ({header.model}) of {header.bits} bits ({header.numbers})",
            _EXPORT,
        )
    pixels = decoder.colours(path) if steps else decoder.numbers(path, header)
    if pixels is None:
        raise PhotoError("The depth file cannot be read", f"the pixels of {path} cannot be decoded", _EXPORT)
    pixels = upright(pixels, read_photo_facts(path).orientation)
    if grey:
        return StoredDepth(np.asarray(pixels, dtype=_GREY[header.numbers, header.bits]))
    if colours and (pixels[..., :1] == pixels[..., 1:3]).all():
        # Blender writes a grey picture as RGB unless told otherwise.
        return StoredDepth(np.asarray(pixels[..., 0], dtype=np.uint16))
    return _of_colours(path, pixels if steps else (pixels[..., :3].astype(np.int64) >> 8).astype(np.uint8))


def _of_colours(path: Path, pixels: UInt8) -> StoredDepth:
    """The numbers of a picture [h, w, 3]: its grey levels, or the places of its colours on their scale."""
    if is_grey(pixels):
        return StoredDepth(np.asarray(np.rint(pixels.mean(axis=2)), dtype=np.uint8))
    found = numbers_of_colours(pixels)
    if found is None:
        raise PhotoError(
            "The depth picture's colours are of no known scale",
            f"{path} is in colour, and its colours are not those of viridis, magma, inferno, turbo, spectral or jet",
            f"If it is a photo, choose its depth instead. {_EXPORT}",
        )
    scale, numbers = found
    return StoredDepth(numbers, colours=scale)


def _numpy_array(path: Path, channel: str) -> tuple[NDArray[Any], str]:
    """The array of a file, and its name; "" in one that holds a single array without names."""
    name = ""
    try:
        # Of a broken archive NumPy leaves a file open that it opened itself.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                array = loaded
            else:
                with loaded:
                    name = _array_name(path, loaded.files, channel)
                    array = loaded[name]
    except (OSError, *BROKEN_ARRAYS) as error:
        raise PhotoError("The depth file is not a NumPy array of numbers", f"{path}: {error}") from error
    if array.dtype.kind not in "iuf":
        raise PhotoError("The depth file does not hold real numbers", f"{path}: {array.dtype}")
    return np.asarray(array), name


def _array_name(path: Path, names: list[str], channel: str) -> str:
    if channel in names:
        return channel
    if not channel and len(names) == 1:
        return names[0]
    for usual in ("depth", "disparity") if not channel else ():
        if usual in names:
            return usual
    raise which_channel("array", f"{path.name} holds {', '.join(names)}", names)


def _exr(path: Path, channel: str, decoder: PictureDecoder) -> tuple[NDArray[Any], str]:
    """The depth of an EXR, and its channel's name; "" for that of a picture in red, green and blue."""
    if channel:
        return read_exr_channel(path, channel, decoder.exr_channel, decoder.exr_library_remedy()), channel
    name = depth_channel(path)
    colours = grey_channels(exr_channels(path))
    if name not in colours:
        return read_exr_channel(path, name, decoder.exr_channel, decoder.exr_library_remedy()), name
    bands = _colours_of_exr(path, colours, decoder)
    if any(not np.array_equal(bands[0], band, equal_nan=True) for band in bands[1:]):
        why = f"red, green and blue of {path.name} differ, as they do not in a picture of depth"
        raise which_channel("channel", why, colours)
    return bands[0], name if len(colours) == 1 else ""


def _colours_of_exr(path: Path, channels: tuple[str, ...], decoder: PictureDecoder) -> list[NDArray[Any]]:
    """The numbers [h, w] of each of these channels, the colours of a picture of one layer."""
    try:
        return [read_exr_channel(path, name, decoder.exr_channel, decoder.exr_library_remedy()) for name in channels]
    except UnsupportedExrError:
        data, display = exr_window(path)
        # Decoders have their own ideas of windows, and of a channel that is no colour.
        known = data == display and all(name.upper() in ("R", "G", "B", "Y") for name in channels)
        pixels = decoder.single_layer(path) if known else None
        if pixels is None:
            raise
        return [pixels[..., index] for index in range(min(pixels.shape[2], len(channels)))]
