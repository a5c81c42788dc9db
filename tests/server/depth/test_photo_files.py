"""Photos and depth maps from files of every kind, and sentences about the ones that make no sense."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.errors import PhotoError
from server.demo.motorcycle import BASELINE, DISPARITY_OFFSET, FOCAL, Motorcycle
from server.depth.photo_files import check_photo_and_depth, read_depth, read_photo


def test_a_photo_is_read_upright_with_its_focal_length(bike: Motorcycle, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Held turned: rotate by 90 degrees clockwise to see it upright.
    exif.get_ifd(0x8769)[0xA405] = 26
    Image.fromarray(bike.photo).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    photo = read_photo(tmp_path / "turned.jpg")
    assert photo.focal_35mm == 26
    assert photo.pixels.shape == (741, 500, 3)
    assert np.abs(photo.pixels.astype(int) - np.rot90(bike.photo, -1)).mean() < 3


def test_a_photo_without_exif(bike: Motorcycle, tmp_path: Path) -> None:
    Image.fromarray(bike.photo).save(tmp_path / "photo.png")
    photo = read_photo(tmp_path / "photo.png")
    assert photo.focal_35mm is None
    np.testing.assert_array_equal(photo.pixels, bike.photo)


def test_millimetres_in_16_bits(bike: Motorcycle, tmp_path: Path) -> None:
    stored = np.nan_to_num(bike.depth * 1000).round().astype(np.uint16)
    Image.fromarray(stored).save(tmp_path / "depth.png")
    depth = read_depth(tmp_path / "depth.png", DepthFormat(scale=0.001))
    np.testing.assert_allclose(depth, bike.depth, atol=6e-4)


@pytest.mark.parametrize("name", ["depth.npy", "depth.npz", "depth.exr", "depth.tiff"])
def test_metres_in_floats(bike: Motorcycle, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("npy"):
        np.save(path, bike.depth)
    elif name.endswith("npz"):
        np.savez(path, depth=bike.depth, confidence=bike.depth)
    elif name.endswith("tiff"):
        Image.fromarray(bike.depth).save(path)
    else:
        write_exr(path, bike.depth)
    np.testing.assert_array_equal(read_depth(path, DepthFormat()), bike.depth)


def write_exr(path: Path, picture: np.ndarray) -> None:
    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream("exr")
        stream.height, stream.width = picture.shape
        stream.pix_fmt = "grayf32le"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="grayf32le")
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def test_disparity_becomes_depth(bike: Motorcycle, tmp_path: Path) -> None:
    np.save(tmp_path / "disparity.npy", bike.disparity)
    depth = read_depth(tmp_path / "disparity.npy", DepthFormat("disparity", 1.0, FOCAL, BASELINE, DISPARITY_OFFSET))
    np.testing.assert_allclose(depth, bike.depth, rtol=1e-6)


def test_disparity_in_parts_of_a_pixel(tmp_path: Path) -> None:
    """As KITTI's, 256 to the pixel."""
    np.save(tmp_path / "disparity.npy", np.array([[0, 256, 5120]], dtype=np.uint16))
    depth = read_depth(tmp_path / "disparity.npy", DepthFormat("disparity", 1 / 256, 700.0, 0.5, 5.0))
    np.testing.assert_allclose(depth, [[np.nan, 350 / 6, 14.0]], rtol=1e-6)


def test_real_depth_of_a_kinect(shared_data: Path) -> None:
    depth = read_depth(next(shared_data.rglob("TUM_depth.png")), DepthFormat(scale=1 / 5000))
    assert np.nanmedian(depth) == pytest.approx(2.42, abs=0.02)
    assert np.isfinite(depth).mean() == pytest.approx(0.81, abs=0.02)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: path.write_bytes(b"not a picture"), "cannot be read"),
        (lambda path: Image.new("RGB", (8, 8)).save(path, "PNG"), "256 steps"),
        (lambda path: None, "no such depth file"),
    ],
)
def test_what_is_no_depth_map_is_said(tmp_path: Path, write: object, sentence: str) -> None:
    assert callable(write)
    write(tmp_path / "depth.png")
    with pytest.raises(PhotoError, match=sentence):
        read_depth(tmp_path / "depth.png", DepthFormat())


def test_an_archive_that_does_not_say_which(tmp_path: Path) -> None:
    np.savez(tmp_path / "depth.npz", near=np.ones((2, 2)), far=np.ones((2, 2)))
    with pytest.raises(PhotoError, match="near, far"):
        read_depth(tmp_path / "depth.npz", DepthFormat())


def test_another_aspect_is_refused(bike: Motorcycle) -> None:
    with pytest.raises(PhotoError, match="photo 741 x 500, depth 500 x 500"):
        check_photo_and_depth(bike.photo, bike.depth[:, :500])


def test_a_smaller_depth_map_of_the_same_aspect_fits(bike: Motorcycle) -> None:
    check_photo_and_depth(bike.photo, bike.depth[::3, ::3])


def test_nothing_known_is_refused(bike: Motorcycle) -> None:
    with pytest.raises(PhotoError, match="empty"):
        check_photo_and_depth(bike.photo, bike.depth * np.float32(np.nan))
