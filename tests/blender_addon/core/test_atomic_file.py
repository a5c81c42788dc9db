"""A file is what it was, or all of what it shall be."""

from __future__ import annotations

from pathlib import Path

import pytest

from blender_addon.core.atomic_file import write_atomic


@pytest.mark.parametrize("sync", [False, True])
def test_a_file_is_replaced_and_nothing_stays_beside_it(tmp_path: Path, sync: bool) -> None:
    path = tmp_path / "take.json"
    for data in (b"first, and longer", b"second"):
        write_atomic(path, data, sync=sync)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_take_its_name_leaves_no_half_file(tmp_path: Path) -> None:
    folder = tmp_path / "in the way"
    folder.mkdir()
    with pytest.raises(OSError, match="in the way"):
        write_atomic(folder, b"data")
    assert list(tmp_path.iterdir()) == [folder]
