"""`realcam engines`: what can be made here, and what can be set."""

from __future__ import annotations

from typer.testing import CliRunner

from server.cli import app
from server.engines.registry import capabilities


def test_every_engine_and_every_option_is_listed() -> None:
    result = CliRunner().invoke(app, ["engines"], env={"COLUMNS": "400"})
    assert result.exit_code == 0
    for engine in capabilities():
        assert f"{engine.name}  {engine.label}" in result.output
        assert (engine.unavailable or "ready") in result.output, "square brackets and all"
        sizes = ", ".join(f"{width} x {height}" for width, height in engine.sizes)
        assert f"Sizes {sizes}; modes " in result.output, "what --size takes"
        for option in engine.options:
            assert option.description in result.output
