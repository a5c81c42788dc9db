"""Photos with depth as other people's devices and data sets give them, through the panel's operator."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.blender


def imported(bpy: ModuleType, photo: Path, depth: Path, **fields: Any) -> Any:
    """As the panel's button imports: its fields, then the operator with them."""
    from blender_addon.scene import find_photo_scene

    fields = {"max_vertices": 60_000, **fields}
    result = bpy.ops.realcam.import_photo(filepath=str(photo), depth_path=str(depth), **fields)
    assert result == {"FINISHED"}
    return find_photo_scene(bpy.context.scene)


def test_a_kinect(addon: ModuleType, shared_data: Path) -> None:
    folder = shared_data / "rgbd/tum"
    lens = (525.0, 525.0, 319.5, 239.5)
    photo = imported(addon, folder / "TUM_color.png", folder / "TUM_depth.png", depth_scale=1 / 5000, calibration=lens)
    assert np.nanmedian(photo.depth()) == pytest.approx(2.42, abs=0.02)
    assert photo.focal_source.startswith("calibrated")


def test_a_cars_lidar(addon: ModuleType, shared_data: Path) -> None:
    folder = shared_data / "rgbd/kitti_metric3d"
    photo = imported(
        addon, next(folder.glob("rgb_*")), next(folder.glob("depth_*")), depth_scale=1 / 256,
        calibration=(707.0493, 707.0493, 604.0814, 180.5066),
    )  # fmt: skip
    assert np.nanmedian(photo.depth()) == pytest.approx(13.8, abs=0.3)
    assert np.isfinite(photo.depth()).mean() < 0.3, "sparse depth is not filled"


def test_disparity_with_its_calibration_agrees_with_it(addon: ModuleType, shared_data: Path) -> None:
    """Two points of the motorcycle stand as far apart as the calibration says, in Blender's own units."""
    folder = shared_data / "rgbd/middlebury_motorcycle"
    focal, cx, cy, baseline, offset = 994.978, 311.193, 254.877, 0.193001, 31.086
    photo = imported(
        addon, folder / "motorcycle_left.png", folder / "motorcycle_disp.npz", depth_kind="disparity",
        disparity_focal=focal, disparity_baseline=baseline, disparity_offset=offset,
        calibration=(focal, focal, cx, cy), to_photo=False,
    )  # fmt: skip
    with np.load(folder / "motorcycle_disp.npz") as file:
        (disparity,) = (file[name] for name in file.files)
    stride = photo.record.stride

    def in_blender(row: int, column: int) -> np.ndarray:
        mesh = photo.mesh.data
        pixels = np.empty(len(mesh.vertices), np.int32)
        mesh.attributes["realcam_pixel"].data.foreach_get("value", pixels)
        (index,) = np.flatnonzero(pixels == row * photo.record.columns + column)
        return np.array(photo.mesh.matrix_world @ mesh.vertices[int(index)].co)

    def by_calibration(row: int, column: int) -> np.ndarray:
        y, x = row * stride + stride // 2, column * stride + stride // 2
        z = focal * baseline / (disparity[y, x] + offset)
        return np.array([(x + 0.5 - cx) * z / focal, (y + 0.5 - cy) * z / focal, z])

    known = np.argwhere(np.isfinite(photo.depth()))
    for first, second in np.random.default_rng(0).choice(known[1:-1], (20, 2)):
        measured = np.linalg.norm(in_blender(*first) - in_blender(*second))
        expected = np.linalg.norm(by_calibration(*first) - by_calibration(*second))
        assert measured == pytest.approx(expected, rel=2e-3, abs=2e-3)


def test_a_phones_lidar_is_brought_to_the_photos_size(addon: ModuleType, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "rgbd/arkit_promptda"
    photo = imported(
        addon, folder / "image.jpg", folder / "arkit_depth.png", depth_scale=0.001, focal_mm=26.0, max_vertices=200_000
    )
    assert photo.depth().shape == (387, 516), "200,000 vertices at most, in the photo's aspect"
    sensor = np.array(Image.open(folder / "arkit_depth.png")) / 1000
    assert np.nanmin(photo.depth()) >= sensor.min() - 1e-3
    assert np.nanmax(photo.depth()) <= sensor.max() + 1e-3
    plain = imported(
        addon, folder / "image.jpg", folder / "arkit_depth.png", depth_scale=0.001, focal_mm=26.0, to_photo=False
    )
    assert plain.depth().shape == (192, 256)
    np.testing.assert_allclose(plain.depth(), sensor, rtol=1e-5)


def test_blenders_own_z(addon: ModuleType, tmp_path: Path) -> None:
    from tests.support.exr_files import write_rendered_depth

    write_rendered_depth(addon, tmp_path / "render.exr", distance=4.0)
    addon.ops.wm.read_factory_settings(use_empty=True)
    from blender_addon.core.depth.depth_format import DepthFormat
    from blender_addon.scene import read_depth

    height, width = read_depth(tmp_path / "render.exr", DepthFormat()).shape
    Image.new("RGB", (width, height), (90, 120, 150)).save(tmp_path / "photo.png")
    photo = imported(addon, tmp_path / "photo.png", tmp_path / "render.exr")
    known = photo.depth()[np.isfinite(photo.depth())]
    np.testing.assert_allclose(known, 4.0, rtol=1e-5)
