"""Small pictures, and whether Blender and the server read the same of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blender_addon.core.errors import PhotoError
from blender_addon.scene import photo_file
from server.depth import photo_files

Make = Callable[[Path], object]
Read = Callable[[], tuple[NDArray[Any], float | None]]

RANDOM = np.random.default_rng(5)
RGB = RANDOM.integers(0, 256, (40, 60, 3), np.uint8)
RGBA = RANDOM.integers(0, 256, (40, 60, 4), np.uint8)
GREY = RGB[..., 0].copy()
MILLIMETRES = RANDOM.integers(0, 60000, (40, 60), np.uint16)
IN_COLOUR = RANDOM.integers(0, 65536, (40, 60, 3), np.uint16)
WITH_ALPHA = RANDOM.integers(0, 65536, (40, 60, 4), np.uint16)


def picture(pixels: NDArray[Any], mode: str | None = None, **options: Any) -> Make:
    """Pillow's picture of these pixels, in the format that the file's name asks for."""

    def make(path: Path) -> None:
        image = Image.fromarray(pixels)
        (image.convert(mode) if mode else image).save(path, **options)

    return make


def sixteen_bits(codec: str, layout: str, pixels: NDArray[np.uint16]) -> Make:
    """FFmpeg's picture of [h, w, 3 or 4]: Pillow writes no such file."""

    def make(path: Path) -> None:
        with av.open(str(path), "w", format="image2") as file:
            stream = file.add_stream(codec)
            stream.height, stream.width, stream.pix_fmt = *pixels.shape[:2], layout
            frame = av.VideoFrame.from_ndarray(pixels, format=layout.replace("be", "le"))
            for packets in (stream.encode(frame.reformat(format=layout)), stream.encode(None)):
                file.mux(packets)

    return make


def outcome(read: Read) -> tuple[NDArray[Any], float | None] | str:
    try:
        return read()
    except PhotoError as error:
        return error.sentence


def compare(path: Path, blenders: Read, servers: Read, refused: str, levels: int = 0) -> None:
    """Both read the same, to within `levels`, or both say a sentence with `refused` in it."""
    mine, theirs = outcome(blenders), outcome(servers)
    if refused:
        assert mine == theirs
        assert isinstance(mine, str)
        assert refused.format(path) in mine
        return
    assert not isinstance(mine, str), mine
    assert not isinstance(theirs, str), theirs
    np.testing.assert_allclose(mine[0], theirs[0], rtol=0, atol=levels)
    assert (mine[0].dtype, mine[1]) == (theirs[0].dtype, theirs[1])


def blenders_photo(blender: ModuleType, path: Path) -> tuple[NDArray[Any], float | None]:
    photo = photo_file.read_photo(path)
    pixels = photo_file.photo_pixels(photo.image)
    blender.data.images.remove(photo.image)
    return pixels, photo.focal_35mm


def servers_photo(path: Path) -> tuple[NDArray[Any], float | None]:
    photo = photo_files.read_photo(path)
    return photo.pixels, photo.focal_35mm
