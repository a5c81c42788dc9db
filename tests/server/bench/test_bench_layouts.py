"""Recorded layouts of real photos beside their sensors' depth."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.bench.layouts import LAYOUTS, PHOTOS, Closeness, mean_figures, measure_layouts
from server.cli import app


def test_a_layout_is_nearer_to_the_sensor_than_its_ground_and_a_ramp(shared_data: Path) -> None:
    figures = {(found.photo, found.way): found for found in measure_layouts(shared_data)}
    for photo in PHOTOS:
        laid_out, ground, rows = (figures[photo.layout, way] for way in ("layout", "ground", "rows"))
        assert error(laid_out.scaled) < min(error(ground.scaled), error(rows.scaled))
        assert error(laid_out.scaled_and_shifted) < error(rows.scaled_and_shifted)
        assert rows.as_given is None
    means = {found.way: found for found in mean_figures(list(figures.values()))}
    # What docs/depth-by-hand.md says.
    assert error(means["layout"].as_given) == pytest.approx(0.224, abs=0.002)
    assert error(means["layout"].scaled) == pytest.approx(0.113, abs=0.002)
    assert error(means["rows"].scaled_and_shifted) == pytest.approx(0.193, abs=0.002)
    assert error(means["aligned"].as_given) == pytest.approx(0.107, abs=0.002)


def error(closeness: Closeness | None) -> float:
    assert closeness is not None
    return closeness.abs_rel


def test_every_recorded_layout_is_measured() -> None:
    assert {path.stem for path in LAYOUTS.glob("*")} == {photo.layout for photo in PHOTOS}


def test_a_folder_without_the_photos_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "layouts", "--data", str(tmp_path)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert "There is no such depth file" in result.output
