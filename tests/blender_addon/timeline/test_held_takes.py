"""A take's files while another program holds them, and among those that file managers and sync clients leave there."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from blender_addon.core.errors import TimelineError
from blender_addon.core.payloads.clip import Clip, ClipMetadata
from blender_addon.timeline.copy_takes import _copy
from blender_addon.timeline.frame_mapping import SPREAD, shown_frames, write_spread
from blender_addon.timeline.take import ShotPlacement, frame_file
from blender_addon.timeline.take_folders import (
    delete_take_folder,
    discard_take_folder,
    found_takes,
    make_take,
    new_take_folder,
)
from server.demo.motorcycle import motorcycle
from server.service.workers.clip_files import write_clip_files
from tests.support.shots import small_shot
from tests.support.systems.foreign_files import strew
from tests.support.systems.refused_calls import FOREVER, refused_first

pytestmark = pytest.mark.blender

PLACEMENT = ShotPlacement(artist_width=64, artist_height=40, pixel_aspect=1.0, frame_start=1, frame_end=9)


def take_in(blend_folder: Path) -> Path:
    """The folder of a new take of four frames over nine."""
    shot = small_shot(motorcycle())
    folder = new_take_folder(blend_folder, "Camera")
    metadata = ClipMetadata.of(shot, engine="copy", engine_version="1")
    write_clip_files(folder, Clip(np.ascontiguousarray(shot.preview[..., :3]), metadata))
    make_take(folder, blend_folder=blend_folder, shot="Camera", placement=PLACEMENT)
    return folder


def test_frames_are_spread_and_takes_copied_and_deleted_though_they_are_held_for_a_moment(tmp_path: Path) -> None:
    folder = take_in(tmp_path / "film")
    target = tmp_path / "elsewhere" / "take_001"
    target.parent.mkdir()
    frames = len(list((folder / "frames").iterdir()))
    with refused_first(2, tmp_path) as refused:
        write_spread(folder, frames, 9)
        assert len(list((folder / SPREAD).iterdir())) == len(shown_frames(frames, 9))
        for _ in _copy(folder, target):
            pass
        delete_take_folder(folder)
    assert max(refused.values()) == 2
    assert not folder.exists()
    assert (target / frame_file(0)).is_file()
    assert [path.name for path in target.parent.iterdir()] == ["take_001"]


def test_an_empty_folder_that_is_held_stays_without_an_error(tmp_path: Path) -> None:
    folder = new_take_folder(tmp_path, "Camera")
    with refused_first(FOREVER, tmp_path):
        discard_take_folder(folder)
    assert folder.is_dir()
    discard_take_folder(folder)
    assert not folder.exists()


def test_a_take_that_is_held_all_the_time_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = take_in(tmp_path)
    monkeypatch.setattr("blender_addon.core.held_files.time.sleep", lambda seconds: None)
    monkeypatch.setattr("blender_addon.core.held_files.time.monotonic", iter(range(100)).__next__)
    with refused_first(FOREVER, folder), pytest.raises(TimelineError, match="used by another process"):
        delete_take_folder(folder)


def test_foreign_files_and_copies_are_no_takes(tmp_path: Path) -> None:
    """A copied folder holds the record of the take it was copied from."""
    folder = take_in(tmp_path)
    strew(tmp_path / "realcam" / "Camera")
    shutil.copytree(tmp_path / "realcam" / "Camera", tmp_path / "realcam" / "Camera copy")
    (take,) = found_takes(tmp_path, frame_start=1, artist_size=(64, 40))
    assert (take.number, Path(take.folder_when_made)) == (1, folder)
    assert msgspec.json.decode((folder / "take.json").read_bytes(), type=type(take)).job_id == take.job_id
    assert new_take_folder(tmp_path, "Camera").name == "take_002"


def test_a_folder_that_only_a_file_manager_wrote_into_is_empty(tmp_path: Path) -> None:
    folder = new_take_folder(tmp_path, "Camera")
    strew(folder)
    discard_take_folder(folder)
    assert not folder.exists()
    folder = new_take_folder(tmp_path, "Camera")
    (folder / "notes.txt").write_text("keep")
    discard_take_folder(folder)
    assert folder.is_dir()
