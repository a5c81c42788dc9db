"""The measures of a fill, and the scenes that it is measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from server.bench.fill_truth.measures import likeness
from server.bench.fill_truth.scenes import VISIBLE, demo_scene
from server.bench.fill_truth.table import DRAFT, Filled, mean_figures
from server.cli import app


def test_the_truth_itself_is_like_the_truth() -> None:
    truth = np.random.default_rng(2).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    same = likeness(truth, truth, np.ones((40, 60), np.bool_))
    assert same.psnr > 100
    assert same.ssim > 0.999
    assert same.gmsd < 1e-6


def test_only_the_pixels_that_count_are_compared() -> None:
    truth = np.random.default_rng(3).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    picture, where = truth.copy(), np.zeros((40, 60), np.bool_)
    picture[:, 40:], where[:, :20] = 0, True
    assert likeness(picture, truth, where).psnr > 100
    picture[5, 5] = 255 - picture[5, 5]
    assert likeness(picture, truth, where).psnr < 50


def test_the_second_picture_of_the_demo_photo_is_seen_from_where_it_says() -> None:
    """Warped there, the demo photo agrees with it where it is seen."""
    scene = demo_scene()
    seen = scene.shot.preview[-1, ..., 3] >= VISIBLE
    assert likeness(scene.shot.preview[-1, ..., :3], scene.truth, seen).psnr > 27
    assert 0.05 < scene.newly_seen.mean() < 0.2


def test_data_that_are_not_there_are_said_before_anything_is_measured(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "draft-truth", "--data", str(tmp_path)], env={"COLUMNS": "400"})
    assert result.exit_code == 2
    assert "is no folder" in result.output


def test_figures_of_several_pairs_of_cameras_are_averaged() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    likenesses = [
        likeness(picture + shade, picture, np.ones((8, 8), np.bool_)) for shade in (np.uint8(1), np.uint8(10))
    ]
    (mean,) = mean_figures([Filled("kitchen", DRAFT, picture, like, like, 1.0) for like in likenesses])
    assert np.isclose(mean.psnr, np.mean([like.psnr for like in likenesses]))
