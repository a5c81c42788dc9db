"""`realcam bench cluster` on a small plan."""

from __future__ import annotations

import msgspec
import pytest
from typer.testing import CliRunner

from server.cli import app


@pytest.mark.slow
def test_a_small_plan_is_measured_from_end_to_end() -> None:
    options = ["--workers", "1,2", "--each", "1", "--step-seconds", "0.01", "--repeats", "1"]
    done = CliRunner().invoke(app, ["bench", "cluster", "--json", *options])
    assert done.exit_code == 0, done.output
    figures = msgspec.json.decode(done.stdout)
    assert [row["workers"] for row in figures["scaling"]] == [1, 2]
    for row in figures["scaling"]:
        assert min(row["local"], row["cluster"], row["plain"]) >= row["engine"] == pytest.approx(0.1)
    assert min(figures["overhead"][way]["median"] for way in ("local", "cluster", "plain")) > 0
