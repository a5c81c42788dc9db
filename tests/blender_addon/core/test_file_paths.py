"""Paths of this system and of others: which are the same file, which come from elsewhere, what they are called."""

from __future__ import annotations

import ntpath
import os
import unicodedata
from pathlib import Path

import pytest

from blender_addon.core.file_paths import file_name, is_of_another_system, nearest_existing, same_file
from tests.support.folders import link


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (r"C:\Film\shot.blend", "c:/film/Shot.blend", True),
        (r"C:\Film\shot.blend", r"C:\Film\.\shot.blend", True),
        (r"C:\Film\shot.blend", r"D:\Film\shot.blend", False),
        (r"C:\Film\shot.blend", "", False),
        ("", "", True),
    ],
)
def test_windows_writes_one_file_in_several_ways(
    one: str, other: str, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "normcase", ntpath.normcase)
    monkeypatch.setattr(os.path, "normpath", ntpath.normpath)
    assert same_file(one, other) is same


def test_an_accent_may_be_a_letter_of_its_own(tmp_path: Path) -> None:
    """macOS hands out names either way."""
    one = str(tmp_path / "Łódź.blend")
    assert unicodedata.normalize("NFD", one) != one
    assert same_file(one, unicodedata.normalize("NFD", one))


def test_a_file_that_is_reached_by_two_folders_is_one(tmp_path: Path) -> None:
    """As by a drive letter and by its share's name."""
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "shot.blend").touch()
    link(tmp_path / "drive", tmp_path / "share")
    assert same_file(str(tmp_path / "share" / "shot.blend"), str(tmp_path / "drive" / "shot.blend"))
    assert not same_file(str(tmp_path / "share" / "gone.blend"), str(tmp_path / "drive" / "gone.blend"))


@pytest.mark.parametrize(
    ("path", "posix", "nt"),
    [
        (r"C:\Users\Anna\film", True, False),
        (r"\\nas\films\one", True, False),
        ("/home/anna/film", False, True),
        ("//realcam/shot/take_001", False, False),
    ],
)
def test_a_path_of_another_system_is_known(path: str, posix: bool, nt: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        here.setattr(os, "name", "posix")
        on_posix = is_of_another_system(path)
        here.setattr(os, "name", "nt")
        on_windows = is_of_another_system(path)
    assert (on_posix, on_windows) == (posix, nt)


@pytest.mark.parametrize(
    "path", [r"C:\refs\end.png", r"//refs\end.png", "//refs/end.png", "/refs/end.png", "//end.png"]
)
def test_a_name_is_the_same_on_every_system(path: str) -> None:
    assert file_name(path) == "end.png"


def test_a_folder_above_exists_unless_there_is_no_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert nearest_existing(tmp_path / "a" / "b") == tmp_path

    def gone(_: Path) -> bool:
        raise OSError(0, "The network location cannot be reached", "", 1231)

    monkeypatch.setattr(Path, "exists", gone)
    assert nearest_existing(tmp_path / "a") is None
