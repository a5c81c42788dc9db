"""`realcam bench evaluate` names where the time goes."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from server.cli import app

pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")


@pytest.mark.slow
def test_every_stage_of_a_check_is_measured_and_the_camera_is_found() -> None:
    result = CliRunner().invoke(app, ["bench", "evaluate", "--frames", "5", "--trials", "1", "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert [stage["name"] for stage in figures["stages"]] == [
        "Preparing",
        "Finding features",
        "Matching frames",
        "Solve 1: checking matches",
        "Solve 1: placing cameras",
    ]
    assert sum(stage["seconds"] for stage in figures["stages"]) == pytest.approx(figures["seconds"])
    assert figures["findings"][0].startswith("The camera follows")
