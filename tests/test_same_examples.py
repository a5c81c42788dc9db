"""The default run draws the same examples every time, whatever ran before it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import FUZZ, examples

pytestmark = pytest.mark.skipif(FUZZ > 0, reason="REALCAM_FUZZ asks for other examples each time")


def drawn() -> list[int]:
    values = []

    @examples(1000)
    @given(st.integers())
    def draw(value: int) -> None:
        values.append(value)

    draw()
    return values


def test_two_runs_draw_the_same() -> None:
    assert drawn() == drawn()


def test_what_is_imported_in_between_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run alone, and on another worker, find other modules imported."""
    before = drawn()
    source = tmp_path / "constants_of_the_project.py"
    source.write_text(f"NUMBERS = {list(range(10_000, 10_500))}\n")
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, source.stem, module)
    assert drawn() == before
