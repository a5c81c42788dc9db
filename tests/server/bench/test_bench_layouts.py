"""Recorded layouts of real photos beside their sensors' depth."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.bench.layouts import LAYOUTS, PHOTOS, mean_figures, measure_layouts
from server.cli import app


def test_a_layout_is_nearer_to_the_sensor_than_its_ground_and_a_ramp(shared_data: Path) -> None:
    figures = measure_layouts(shared_data)
    assert [found.way for found in figures] == ["layout", "ground", "rows"] * len(PHOTOS)
    for laid_out, ground, rows in zip(figures[::3], figures[1::3], figures[2::3], strict=True):
        assert laid_out.scaled.abs_rel < min(ground.scaled.abs_rel, rows.scaled.abs_rel)
        assert laid_out.scaled_and_shifted.abs_rel < rows.scaled_and_shifted.abs_rel
        assert rows.as_given is None
    laid_out, ground, rows = mean_figures(figures)
    # What docs/depth-by-hand.md says.
    assert laid_out.as_given is not None
    assert laid_out.as_given.abs_rel == pytest.approx(0.234, abs=0.002)
    assert laid_out.scaled.abs_rel == pytest.approx(0.112, abs=0.002)
    assert rows.scaled_and_shifted.abs_rel == pytest.approx(0.172, abs=0.002)


def test_every_recorded_layout_is_measured() -> None:
    assert {path.stem for path in LAYOUTS.glob("*")} == {photo.layout for photo in PHOTOS}


def test_a_folder_without_the_photos_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "layouts", "--data", str(tmp_path)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert "There is no such depth file" in result.output
