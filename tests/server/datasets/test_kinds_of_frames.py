"""What frames say of themselves: bits and colour of pictures, and of a video its matrix, range, bits and turn."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from blender_addon.core.photo.colour_marks import coded_space
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


def told(path: Path, primaries: int, curve: int, **options: str) -> Path:
    """One frame of COLOURS in BT.2020's matrix, told by these primaries and curve of H.273."""
    red, green, blue = np.moveaxis(COLOURS / 255, -1, 0)
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    planes = np.stack([16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8814, 128 + 224 * (red - luma) / 1.4746])
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=24, options={"crf": "4", **options})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv444p"
        coder = stream.codec_context
        coder.color_primaries, coder.color_trc, coder.colorspace, coder.color_range = primaries, curve, 9, 1
        frame = av.VideoFrame.from_ndarray(np.rint(planes).astype(np.uint8), format="yuv444p")
        frame.colorspace, frame.color_range = 9, 1
        frame.pts = 0
        for packets in (stream.encode(frame), stream.encode(None)):
            file.mux(packets)
    return path


@pytest.mark.parametrize("primaries", [1, 9, 12])
def test_a_video_of_wide_colours_is_converted(tmp_path: Path, primaries: int) -> None:
    frames = read_frames(told(tmp_path / "clip.mp4", primaries, 1))
    wanted = COLOURS if primaries == 1 else coded_space(primaries, 13).srgb(COLOURS)
    for row, column in ((20, 40), (20, 120), (80, 120)):
        np.testing.assert_allclose(frames[0, row, column].astype(int), wanted[row, column], atol=5)


def test_a_video_that_would_be_another_picture_is_refused(tmp_path: Path) -> None:
    interlaced = told(tmp_path / "a.mp4", 1, 1, **{"flags": "+ildct+ilme", "x264-params": "interlaced=1"})
    wide = told(tmp_path / "b.mp4", 1, 1, **{"x264-params": "sar=4/3"})
    rounded = told(tmp_path / "c.mp4", 1, 1, **{"x264-params": "sar=200/201"})
    for path, said in (
        (told(tmp_path / "hlg.mp4", 9, 18), r"is HDR \(HLG\)\. Convert it to SDR"),
        (told(tmp_path / "pq.mp4", 9, 16), r"is HDR \(PQ\)"),
        (interlaced, "is interlaced. Deinterlace it: ffmpeg"),
        (wide, r"has pixels that are not square \(4/3\)\. Scale it"),
    ):
        with pytest.raises(ClipError, match=said):
            read_frames(path)
    assert read_frames(rounded).shape == (1, 96, 160, 3)


def test_pictures_of_16_bits_are_not_white(tmp_path: Path) -> None:
    grey = np.arange(0, 256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(grey * 257).save(tmp_path / "0000.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "0000.png")[..., 0], grey)
    Image.fromarray(grey.astype(np.float32)).save(tmp_path / "0001.tif")
    with pytest.raises(ClipError, match="floating point numbers"):
        read_picture(tmp_path / "0001.tif")
    Image.fromarray(COLOURS).save(tmp_path / "0002.bmp")
    np.testing.assert_array_equal(read_picture(tmp_path / "0002.bmp"), COLOURS)
