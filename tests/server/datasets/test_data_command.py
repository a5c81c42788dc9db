"""`realcam data align`, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from server.cli import app
from server.datasets.align import AlignRecord
from server.datasets.align_collection import CollectionSummary

pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed: cameras cannot be solved")
pytest.importorskip("matplotlib", reason="matplotlib is not installed: nothing to draw with")


def test_a_clip_and_a_folder_that_is_none(shared_data: Path, tmp_path: Path) -> None:
    source, clip = shared_data / "sequences/sevenscenes_redkitchen", tmp_path / "kitchen"
    clip.mkdir()
    for number in (220, 240, 260):
        for file in source.glob(f"frame-{number:06d}.*"):
            (clip / file.name).write_bytes(file.read_bytes())
    (clip / "camera-intrinsics.txt").write_bytes((source / "camera-intrinsics.txt").read_bytes())
    (tmp_path / "empty").mkdir()
    arguments = ["data", "align", str(clip), str(tmp_path / "empty"), "-o", str(tmp_path / "out")]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    again = CliRunner().invoke(app, arguments)
    assert again.output.count("done before") == 2
    record = msgspec.json.decode((tmp_path / "out" / "kitchen.json").read_bytes(), type=AlignRecord)
    assert record.scale == pytest.approx(1.0, abs=0.1)
    summary = msgspec.json.decode((tmp_path / "out" / "collection.json").read_bytes(), type=CollectionSummary)
    assert summary.kept == ["kitchen"]
    assert "no camera file" in summary.refused["empty"]
    assert (tmp_path / "out" / "scales.png").stat().st_size > 5000


def test_nothing_but_refusals_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(app, ["data", "align", str(tmp_path / "empty"), "-o", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "refused" in result.output
