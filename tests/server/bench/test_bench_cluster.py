"""`realcam bench cluster` where it cannot run; tests/server/cluster/on_ray has it where it can."""

from __future__ import annotations

import importlib.util

import pytest
from typer.testing import CliRunner

from server.cli import app


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_a_sentence_says_what_to_install() -> None:
    done = CliRunner().invoke(app, ["bench", "cluster"])
    assert done.exit_code == 1
    assert "--extra cluster" in done.output


@pytest.mark.parametrize("numbers", ["two", "0", "1,-2"])
def test_numbers_of_workers_must_be_some(numbers: str) -> None:
    done = CliRunner().invoke(app, ["bench", "cluster", "--workers", numbers])
    assert done.exit_code == 2
    assert "1,2,4,8,16" in done.output
