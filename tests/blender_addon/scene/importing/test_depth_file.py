"""Depth files of every kind, written by Pillow, NumPy and Blender itself, read back in metres."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.depth.depth_format import DepthFormat
from blender_addon.core.depth.exr import exr_channels, read_exr_channel
from blender_addon.core.errors import PhotoError
from server.demo.motorcycle import BASELINE, DISPARITY_OFFSET, FOCAL, Motorcycle

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from blender_addon.scene.importing.depth_file import read_depth  # noqa: E402
from tests.support.exr_files import write_exr, write_rendered_depth  # noqa: E402


def test_sixteen_bit_png_values_are_exactly_pillows(blender: ModuleType, tmp_path: Path) -> None:
    stored = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.random.default_rng(1).shuffle(stored.ravel())
    Image.fromarray(stored).save(tmp_path / "depth.png")
    depth = read_depth(tmp_path / "depth.png", DepthFormat(scale=1.0), trust_unit=True)
    with Image.open(tmp_path / "depth.png") as picture:
        pillow = np.array(picture)
    np.testing.assert_array_equal(np.nan_to_num(depth), pillow.astype(np.float32))
    assert np.isnan(depth[pillow == 0]).all()


def test_whole_numbers_are_millimetres_unless_told(blender: ModuleType, tmp_path: Path) -> None:
    stored = np.full((6, 8), 2500, np.uint16)
    Image.fromarray(stored).save(tmp_path / "depth.png")
    np.save(tmp_path / "depth.npy", stored)
    np.testing.assert_allclose(read_depth(tmp_path / "depth.png", DepthFormat()), 2.5, rtol=1e-6)
    np.testing.assert_allclose(read_depth(tmp_path / "depth.npy", DepthFormat()), 2.5, rtol=1e-6)
    np.testing.assert_allclose(read_depth(tmp_path / "depth.png", DepthFormat(scale=1 / 256)), 2500 / 256)


def test_a_tiff_of_floats_is_metres(blender: ModuleType, bike: Motorcycle, tmp_path: Path) -> None:
    Image.fromarray(bike.depth).save(tmp_path / "depth.tiff")
    np.testing.assert_array_equal(read_depth(tmp_path / "depth.tiff", DepthFormat()), bike.depth)


def test_real_kinect_depth_is_as_documented(blender: ModuleType, shared_data: Path) -> None:
    (path,) = shared_data.glob("**/TUM_depth.png")
    depth = read_depth(path, DepthFormat(scale=1 / 5000))
    assert depth.shape == (480, 640)
    assert np.isfinite(depth).mean() == pytest.approx(0.81, abs=0.005)
    assert np.nanmedian(depth) == pytest.approx(2.42, abs=0.01)
    assert (np.nanmin(depth), np.nanmax(depth)) == (pytest.approx(1.46, abs=0.01), pytest.approx(9.33, abs=0.01))


def test_disparity_becomes_the_motorcycles_depth(blender: ModuleType, bike: Motorcycle, tmp_path: Path) -> None:
    stereo = DepthFormat("disparity", focal=FOCAL, baseline=BASELINE, doffs=DISPARITY_OFFSET)
    np.savez(tmp_path / "stereo.npz", disparity=bike.disparity, confidence=np.zeros(3))
    np.testing.assert_allclose(read_depth(tmp_path / "stereo.npz", stereo), bike.depth, rtol=1e-6)


def test_disparity_needs_its_calibration(blender: ModuleType, tmp_path: Path) -> None:
    np.save(tmp_path / "disparity.npy", np.ones((4, 4), np.float32))
    with pytest.raises(PhotoError, match=r"Disparity alone is not depth.*baseline 0 m"):
        read_depth(tmp_path / "disparity.npy", DepthFormat("disparity", focal=900))


@pytest.mark.parametrize("codec", ["NONE", "RLE", "ZIPS", "ZIP"])
def test_exr_codecs_are_read_exactly(blender: ModuleType, bike: Motorcycle, tmp_path: Path, codec: str) -> None:
    wanted = np.nan_to_num(bike.depth[:83, :61])
    write_exr(blender, tmp_path / "depth.exr", wanted, codec)
    assert exr_channels(tmp_path / "depth.exr") == ("B", "G", "R")
    np.testing.assert_array_equal(read_exr_channel(tmp_path / "depth.exr", "R"), wanted)


@pytest.fixture
def without_openimageio(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Debian's Blender."""
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)


@pytest.mark.usefixtures("without_openimageio")
def test_other_codecs_go_through_blender(blender: ModuleType, bike: Motorcycle, tmp_path: Path) -> None:
    wanted = np.nan_to_num(bike.depth[:83, :61])
    write_exr(blender, tmp_path / "depth.exr", wanted, "PIZ")
    np.testing.assert_array_equal(read_depth(tmp_path / "depth.exr", DepthFormat()), wanted)
    with pytest.raises(PhotoError, match="PIZ"):
        read_depth(tmp_path / "depth.exr", DepthFormat(channel="R"))


def test_blenders_z_is_depth_along_the_axis(blender: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "render.exr"
    write_rendered_depth(blender, path, distance=4.0)
    depth = read_depth(path, DepthFormat())
    assert "ViewLayer.Depth.Z" in exr_channels(path)
    # A plane square to the axis: the same depth everywhere, none where the render hit nothing.
    assert 0.05 < np.isnan(depth).mean() < 0.95
    np.testing.assert_allclose(depth[np.isfinite(depth)], 4.0, rtol=1e-5)


@pytest.mark.usefixtures("without_openimageio")
def test_layers_that_cannot_be_decoded_are_refused_not_guessed(blender: ModuleType, tmp_path: Path) -> None:
    write_rendered_depth(blender, tmp_path / "render.exr", distance=4.0, codec="PIZ")
    with pytest.raises(PhotoError, match=r"PIZ.*ZIP compression"):
        read_depth(tmp_path / "render.exr", DepthFormat())


def test_a_missing_channel_names_those_there_are(blender: ModuleType, tmp_path: Path) -> None:
    write_exr(blender, tmp_path / "depth.exr", np.ones((4, 4), np.float32), "ZIP")
    with pytest.raises(PhotoError, match="It has: B, G, R"):
        read_depth(tmp_path / "depth.exr", DepthFormat(channel="Z"))


@pytest.mark.parametrize("keep", [3, 40, 200, 400])
def test_a_cut_off_exr_is_called_broken(blender: ModuleType, tmp_path: Path, keep: int) -> None:
    write_exr(blender, tmp_path / "whole.exr", np.random.default_rng(0).random((40, 40), np.float32), "ZIP")
    (tmp_path / "cut.exr").write_bytes((tmp_path / "whole.exr").read_bytes()[:keep])
    with pytest.raises(PhotoError, match=r"EXR is broken|no EXR"):
        read_depth(tmp_path / "cut.exr", DepthFormat())


def test_what_stands_for_unknown_is_unknown(blender: ModuleType, tmp_path: Path) -> None:
    stored = np.array([[1.0, -1.0], [np.inf, 1e10]], np.float32)
    np.save(tmp_path / "depth.npy", stored)
    depth = read_depth(tmp_path / "depth.npy", DepthFormat(unknown=-1.0))
    np.testing.assert_array_equal(np.isfinite(depth), [[True, False], [False, False]])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.png", None, "no such depth file"),
        ("depth.doc", b"x", "kind of depth file is not read"),
        ("depth.npy", b"not an array", "not a NumPy array"),
        ("depth.npz", b"PK not a zip", "not a NumPy array"),
        ("depth.png", b"not a png", "cannot be read"),
        ("depth.exr", b"not an exr at all", "no EXR"),
    ],
)
def test_unreadable_files_are_named(
    blender: ModuleType, tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PhotoError, match=says):
        read_depth(tmp_path / name, DepthFormat())


def test_several_arrays_must_be_told_apart(blender: ModuleType, tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", near=np.ones((4, 4)), far=np.full((4, 4), 9.0))
    with pytest.raises(PhotoError, match="near, far"):
        read_depth(tmp_path / "two.npz", DepthFormat())
    assert read_depth(tmp_path / "two.npz", DepthFormat(channel="far"))[0, 0] == 9.0


def test_colour_is_no_depth(blender: ModuleType, tmp_path: Path) -> None:
    np.save(tmp_path / "rgb.npy", np.ones((4, 4, 3)))
    with pytest.raises(PhotoError, match="one number a pixel"):
        read_depth(tmp_path / "rgb.npy", DepthFormat())
