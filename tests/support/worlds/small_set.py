"""Rendered clips of maps that are none of Freedoom's: the nano network has seen nothing of them."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from server.cli import app

from .small_wad import write_small_wad


def render_small_set(place: Path, test: int) -> Path:
    """The folder of a set of 24 clips to train on, of four to validate, and of some to test.

    Args:
        place: folder to work in.
        test: clips to test.
    """
    write_small_wad(place / "small.wad")
    numbers = ["--clips", "24", "--validation", "4", "--test", str(test), "--width", "64", "--height", "64"]
    look = ["--rays", "2", "--painted", "--motion", "0.08", "0.35", "--processes", "1"]
    done = CliRunner().invoke(
        app, ["data", "render", str(place / "set"), "--wad", str(place / "small.wad"), *numbers, *look]
    )
    assert done.exit_code == 0, done.output
    return place / "set"
