"""What file managers, file systems and sync clients write is told from what a person put there."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from blender_addon.core.foreign_files import copied_from, is_foreign
from tests.support.systems.foreign_files import COPIES, FILES


@pytest.mark.parametrize("name", [*FILES, "._0000.png", "THUMBS.DB", "Desktop.ini"])
def test_names_that_nobody_chose(name: str) -> None:
    assert is_foreign(name)


@pytest.mark.parametrize("name", ["0000.png", "take.json", "metadata.json", "thumbs.png"])
def test_names_of_ours(name: str) -> None:
    assert not is_foreign(name)
    assert copied_from(name) == ""


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", ["0000.png", "take_001", "b" * 31 + "0.json"])
def test_a_copy_names_its_original(copy: str, name: str) -> None:
    path = PurePath(name)
    assert copied_from(copy.format(path.stem, path.suffix)) == name


def test_a_series_with_numbers_is_none_of_copies() -> None:
    assert [copied_from(name) for name in ("shot.png", "shot 2.png", "shot (3).png")] == ["", "", ""]
