"""`realcam depth`, as a person runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from server.cli import app
from server.demo.motorcycle import Motorcycle


def test_licences_are_listed_before_anything_is_downloaded() -> None:
    result = CliRunner().invoke(app, ["depth", "list"], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    assert "CC BY-NC 4.0" in result.output
    assert "depth-anything-indoor-small" in result.output


def test_a_sensors_depth_becomes_a_scenes(bike: Motorcycle, tmp_path: Path) -> None:
    photo, depth = bike.photo[::2, ::2], bike.depth[::2, ::2]
    Image.fromarray(photo).save(tmp_path / "bike.png")
    np.save(tmp_path / "lidar.npy", depth[1::3, 1::3])
    result = CliRunner().invoke(
        app,
        ["depth", "clean", str(tmp_path / "bike.png"), str(tmp_path / "lidar.npy"), "--focal-mm", "48",
         "--overlay", str(tmp_path / "overlay.png")],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "typed, 48 mm (35 mm eq.)" in result.output
    with np.load(tmp_path / "bike.depth.npz") as written:
        both = np.isfinite(written["depth"]) & np.isfinite(depth)
        assert np.median(np.abs(written["depth"][both] / depth[both] - 1)) < 0.01
    overlay = np.array(Image.open(tmp_path / "overlay.png"))
    assert overlay.shape == photo.shape
    assert (overlay.max(axis=-1) != overlay.min(axis=-1)).any()


def test_files_are_written_as_they_are_named(bike: Motorcycle, tmp_path: Path) -> None:
    Image.fromarray(bike.photo).save(tmp_path / "bike.png")
    np.save(tmp_path / "depth.npy", bike.depth)
    command = ["depth", "clean", str(tmp_path / "bike.png"), str(tmp_path / "depth.npy"), "--raw"]
    assert CliRunner().invoke(app, [*command, "-o", str(tmp_path / "a.depth")]).exit_code == 0
    with np.load(tmp_path / "a.depth") as written:
        assert written["intrinsics"].shape == (3, 3)
    refused = CliRunner().invoke(app, [*command, "--overlay", str(tmp_path / "a.picture")])
    assert refused.exit_code == 1
    assert "The overlay is of no kind of picture: a.picture." in refused.output


REAL_FILES = [
    ("tum", "TUM_color.png", "TUM_depth.png", ["--depth-scale", "0.0002", "--focal-mm", "29.5"], (480, 640), 2.42),
    (
        "kitti_metric3d",
        "rgb_0000000005.png",
        "depth_0000000005.png",
        ["--depth-scale", "0.00390625", "--focal-mm", "23.6"],
        (375, 1242),
        None,
    ),
    (
        "arkit_promptda",
        "image.jpg",
        "arkit_depth.png",
        ["--depth-scale", "0.001", "--focal-mm", "26"],
        (866, 1155),
        2.65,
    ),
    (
        "middlebury_motorcycle",
        "motorcycle_left.png",
        "motorcycle_disp.npz",
        ["--disparity", "994.978,0.193001,31.086", "--focal-mm", "48.2"],
        (500, 741),
        2.75,
    ),
]


@pytest.mark.parametrize(
    ("folder", "photo", "depth", "unit", "shape", "median"), REAL_FILES, ids=[case[0] for case in REAL_FILES]
)
def test_real_files_of_every_kind(
    shared_data: Path, tmp_path: Path, folder: str, photo: str, depth: str, unit: list[str], shape: Any, median: float
) -> None:
    place = shared_data / "rgbd" / folder
    arguments = ["depth", "clean", str(place / photo), str(place / depth), "-o", str(tmp_path / "out.npz"), *unit]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "out.npz") as written:
        assert written["depth"].shape == shape
        if median is not None:
            assert np.nanmedian(written["depth"]) == pytest.approx(median, rel=0.05)
        else:
            sky = written["depth"][5, 450:700]
            assert np.isfinite(sky).mean() > 0.9, "the street's sky lies on its shell"


def test_a_predictor_that_does_not_exist_is_said(bike: Motorcycle, tmp_path: Path) -> None:
    Image.fromarray(bike.photo).save(tmp_path / "bike.png")
    result = CliRunner().invoke(app, ["depth", "predict", str(tmp_path / "bike.png"), "--predictor", "midas"])
    assert result.exit_code == 1
    assert "There is no such depth predictor" in result.output


def test_only_predictors_there_are_can_be_measured() -> None:
    result = CliRunner().invoke(app, ["bench", "depth", "midas"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "there are depth-anything-indoor-small" in result.output
