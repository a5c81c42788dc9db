"""What frames say of themselves: bits and colour of pictures, and of a video its matrix, range, bits and turn."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from server.datasets.clip_frames import ClipError, read_frames, read_picture

COLOURS = np.zeros((96, 160, 3), np.uint8)
COLOURS[:, :80], COLOURS[:48, 80:], COLOURS[48:, 80:] = (220, 40, 60), (30, 200, 70), (90, 90, 250)


def film(path: Path, matrix: int, colour_range: int, pixels: str = "yuv420p") -> Path:
    """Two frames of COLOURS, told by this matrix and range."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=24, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixels
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, colour_range
        frame = av.VideoFrame.from_ndarray(COLOURS, format="rgb24")
        frame = frame.reformat(format=pixels, dst_colorspace=matrix, dst_color_range=colour_range)
        for pts in (0, 3):  # Of a rate that varies: frames are taken as they come.
            frame.pts = pts
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("matrix", [Colorspace.ITU709, Colorspace.ITU601])
@pytest.mark.parametrize("colour_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_a_video_has_the_colours_that_it_says(tmp_path: Path, matrix: int, colour_range: int, pixels: str) -> None:
    frames = read_frames(film(tmp_path / "clip.mp4", int(matrix), int(colour_range), pixels))
    assert len(frames) == 2
    for row, column in ((20, 40), (20, 120), (80, 120)):
        np.testing.assert_allclose(frames[0, row, column].astype(int), COLOURS[row, column], atol=5)


def test_a_phones_portrait_video_is_upright(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mp4", int(Colorspace.ITU709), int(ColorRange.MPEG))
    content = bytearray(path.read_bytes())
    clockwise = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    at = content.index(b"tkhd") + 4 + 40
    content[at : at + len(clockwise)] = clockwise
    path.write_bytes(content)
    frames = read_frames(path)
    assert frames.shape == (2, 160, 96, 3)
    np.testing.assert_allclose(frames[0].astype(int)[::40, ::40], np.rot90(COLOURS, -1)[::40, ::40], atol=9)


def test_pictures_of_16_bits_are_not_white(tmp_path: Path) -> None:
    grey = np.arange(0, 256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(grey * 257).save(tmp_path / "0000.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "0000.png")[..., 0], grey)
    Image.fromarray(grey.astype(np.float32)).save(tmp_path / "0001.tif")
    with pytest.raises(ClipError, match="floating point numbers"):
        read_picture(tmp_path / "0001.tif")
    Image.fromarray(COLOURS).save(tmp_path / "0002.bmp")
    np.testing.assert_array_equal(read_picture(tmp_path / "0002.bmp"), COLOURS)
