"""A .blend that was taken to another computer: its job is resumed into a folder beside it, whoever wrote the record."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from blender_addon.core.errors import TimelineError
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.generation.answers import answer_folder
from blender_addon.generation.clip_import import with_folder_here
from blender_addon.generation.job_records import CheckTask, JobRecord, ShotTask
from blender_addon.timeline.take import ShotPlacement
from blender_addon.timeline.take_folders import RECORD

pytestmark = pytest.mark.blender

ELSEWHERE = [
    r"C:\Users\Anna\film\realcam\Camera\take_003",
    r"\\nas\film\realcam\Camera\take_003",
    "/Users/anna/film/realcam/Camera/take_003",
]
PLACEMENT = ShotPlacement(artist_width=96, artist_height=64, frame_start=1, frame_end=4)


def record(folder: str) -> JobRecord:
    return JobRecord(
        job_id="a" * 32,
        server="127.0.0.1:47110",
        title="Camera",
        blend="",
        scene="Scene",
        folder=folder,
        settings=ShotSettings(engine="draft"),
        submitted_at=1.0,
        task=ShotTask(camera="Camera", placement=PLACEMENT),
    )


@pytest.fixture
def saved(blender: ModuleType, tmp_path: Path) -> Path:
    """The folder of the open .blend."""
    (tmp_path / "film").mkdir()
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film" / "shot.blend"))
    return tmp_path / "film"


@pytest.mark.parametrize("folder", ELSEWHERE)
def test_the_clip_goes_beside_the_file(saved: Path, folder: str) -> None:
    here = with_folder_here(record(folder))
    assert here.folder == str(saved / "realcam" / "Camera" / "take_003")
    assert Path(here.folder).is_dir()
    assert here == msgspec.structs.replace(record(folder), folder=here.folder)
    # Resumed again, as after a crash: the same folder, with what was fetched.
    assert with_folder_here(record(folder)) == here


def test_a_number_that_another_take_has_is_not_taken(saved: Path) -> None:
    taken = saved / "realcam" / "Camera" / "take_003"
    taken.mkdir(parents=True)
    (taken / RECORD).write_text("another take")
    assert with_folder_here(record(ELSEWHERE[0])).folder == str(taken.with_name("take_004"))


def test_a_folder_that_is_there_is_used(saved: Path, tmp_path: Path) -> None:
    kept = record(str(tmp_path / "before it was saved elsewhere" / "take_001"))
    Path(kept.folder).mkdir(parents=True)
    assert with_folder_here(kept) is kept


def test_without_a_file_there_is_no_place_and_nothing_is_made(
    blender: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TimelineError, match=r"no place on this computer: its folder was C:.*Save the .blend file"):
        with_folder_here(record(ELSEWHERE[0]))
    assert list(tmp_path.iterdir()) == []


def test_an_answer_is_kept_where_this_computer_keeps_them(blender: ModuleType) -> None:
    check = msgspec.structs.replace(record(ELSEWHERE[0]), task=CheckTask(shot="Camera", take=1))
    assert with_folder_here(check).folder == str(answer_folder(check.job_id))
