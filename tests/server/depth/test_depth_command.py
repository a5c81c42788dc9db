"""`realcam depth`, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from server.cli import app
from server.data.motorcycle import Motorcycle


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
    assert "48 mm, typed" in result.output
    with np.load(tmp_path / "bike.depth.npz") as written:
        both = np.isfinite(written["depth"]) & np.isfinite(depth)
        assert np.median(np.abs(written["depth"][both] / depth[both] - 1)) < 0.01
    overlay = np.array(Image.open(tmp_path / "overlay.png"))
    assert overlay.shape == photo.shape
    assert (overlay.max(axis=-1) != overlay.min(axis=-1)).any()


def test_a_predictor_that_does_not_exist_is_said(bike: Motorcycle, tmp_path: Path) -> None:
    Image.fromarray(bike.photo).save(tmp_path / "bike.png")
    result = CliRunner().invoke(app, ["depth", "predict", str(tmp_path / "bike.png"), "--predictor", "midas"])
    assert result.exit_code == 1
    assert "There is no such depth predictor" in result.output
