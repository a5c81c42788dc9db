"""Files that another program has open: renamed, replaced and removed once it lets go, and never waited for in vain."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from blender_addon.core import held_files
from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.held_files import discard, patiently, remove_file, remove_tree, rename_path, replace_path
from blender_addon.core.protocol.keys import KeyPair, new_keys, read_private, write_private
from tests.support.systems.refused_calls import FOREVER, refuse_first
from tests.support.systems.sharing_rule import sharing_violation


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Each pause that was made, while the clock stands still otherwise."""
    pauses: list[float] = []
    monkeypatch.setattr(held_files, "time", SimpleNamespace(sleep=pauses.append, monotonic=lambda: sum(pauses)))
    return pauses


def folder_of_two(path: Path) -> Path:
    (path / "frames").mkdir(parents=True)
    (path / "frames" / "0000.png").write_bytes(b"a frame")
    (path / "clip.mp4").write_bytes(b"a clip")
    return path


DONE: list[tuple[Callable[[Path, Path], object], str]] = [
    (replace_path, "a clip"),
    (rename_path, "a clip"),
    (lambda path, _: remove_file(path), ""),
    (lambda path, _: discard(path, 2.0), ""),
]


@pytest.mark.parametrize(("action", "at_target"), DONE)
def test_what_is_held_for_a_moment_is_done_once_it_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: Callable[[Path, Path], object], at_target: str
) -> None:
    path, target = tmp_path / "clip.mp4", tmp_path / "kept.mp4"
    path.write_text("a clip")
    refused = refuse_first(monkeypatch, 3, tmp_path)
    action(path, target)
    assert refused == {str(path): 3}
    assert not path.exists()
    assert (target.read_text() if target.exists() else "") == at_target


def test_a_tree_goes_whole_though_each_part_of_it_is_held_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of_two(tmp_path / "take_001")
    refused = refuse_first(monkeypatch, 3, tmp_path)
    remove_tree(folder)
    assert len(refused) == 4
    assert not folder.exists()


def test_a_file_that_is_written_in_one_step_waits_for_its_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for write in (write_atomic, write_private):
        path = tmp_path / write.__name__
        write(path, b"old")
        with monkeypatch.context() as patch:
            refused = refuse_first(patch, 3, tmp_path)
            write(path, b"new")
        assert path.read_bytes() == b"new"
        assert max(refused.values()) == 3


def test_what_stays_held_is_told_and_what_can_go_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, waited: list[float]
) -> None:
    """A thread that must not wait gives no patience."""
    folder = folder_of_two(tmp_path / "take_001")
    refuse_first(monkeypatch, FOREVER, folder / "frames")
    assert not discard(folder)
    assert [path.name for path in folder.rglob("*")] == ["frames", "0000.png"]
    assert "take_001 cannot be removed now" in caplog.text
    with pytest.raises(PermissionError, match="used by another process"):
        remove_tree(folder, patience=0.0)
    assert waited == []


def test_missing_rights_are_not_waited_for(waited: list[float]) -> None:
    """Linux and macOS refuse for want of rights alone; only Windows has the error numbers of a file in use."""

    def refused() -> None:
        raise PermissionError(13, "Permission denied", "take.json")

    with pytest.raises(PermissionError, match="Permission denied"):
        patiently(refused)
    assert waited == []


def test_patience_ends(waited: list[float]) -> None:
    def held() -> None:
        raise sharing_violation("take.json")

    with pytest.raises(PermissionError, match="used by another process"):
        patiently(held)
    assert sum(waited) == pytest.approx(held_files.PATIENCE)


def test_a_key_is_kept_where_the_file_system_has_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(target))

    monkeypatch.setattr(os, "link", no_links)
    path, pair = tmp_path / "client.key", new_keys()
    encoded = b'{"public":"%s","secret":"%s"}' % (pair.public.encode(), pair.secret.encode())
    write_private(path, encoded, replace=False)
    assert read_private(path, KeyPair) == pair
    with pytest.raises(FileExistsError):
        write_private(path, b"{}", replace=False)
    assert read_private(path, KeyPair) == pair
    assert list(tmp_path.iterdir()) == [path]
