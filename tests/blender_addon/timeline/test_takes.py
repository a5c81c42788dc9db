from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import TimelineError
from blender_addon.core.payloads.clip import ClipSidecar
from blender_addon.timeline import take_folders
from blender_addon.timeline.clip_image import clip_image
from blender_addon.timeline.copy_takes import takes_elsewhere
from blender_addon.timeline.strip import place_strip, shot_strips
from blender_addon.timeline.take import ShotPlacement
from blender_addon.timeline.take_folders import (
    blender_path,
    discard_take_folder,
    found_takes,
    make_take,
    new_take_folder,
    shot_folder_name,
)
from blender_addon.timeline.takes import (
    SCENE_PROPERTY,
    blend_folder,
    clips_folder,
    forget_take,
    highest_number,
    recover_takes,
    remember_take,
    take_folder,
    take_place,
    takes_of,
)
from blender_addon.user_folder import unsaved_folder
from tests.support.clips import MakeTake

pytestmark = pytest.mark.blender


@given(st.text(max_size=100))
def test_any_shot_name_gives_a_folder_that_every_system_can_write(shot: str) -> None:
    name = shot_folder_name(shot)
    assert name == name.strip(" .")
    assert 0 < len(name) <= 65
    assert len(name.encode("utf-8")) <= 255
    assert not set(name) & set('<>:"/\\|?*\0\n')
    assert name.lower() not in ("con", "nul", "..")


@pytest.mark.parametrize(
    ("shot", "folder"),
    [
        ("Camera.001", "Camera.001"),
        ("a/b", "a_b"),
        ("con", "_con"),
        ("COM1.x", "_COM1.x"),
        ("COM¹", "_COM¹"),
        ("CONOUT$", "_CONOUT$"),
        ("con .txt", "_con .txt"),
        ("concert", "concert"),
        ("e\u0301", "é"),
        ("🎥" * 64, "🎥" * 60),
        ("..", "shot"),
        ("店", "店"),
    ],
)
def test_shot_names(shot: str, folder: str) -> None:
    assert shot_folder_name(shot) == folder


def test_takes_are_numbered_upwards_and_nothing_is_overwritten(tmp_path: Path) -> None:
    folders = [new_take_folder(tmp_path, "Camera") for _ in range(3)]
    assert [folder.relative_to(tmp_path).as_posix() for folder in folders] == [
        f"realcam/Camera/take_00{number}" for number in (1, 2, 3)
    ]
    (folders[2] / "clip.mp4").touch()
    for folder in folders:
        discard_take_folder(folder)
    assert new_take_folder(tmp_path, "Camera").name == "take_004"


def test_paths_that_windows_does_not_take_are_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_folders, "LONGEST_PATH", 259)
    blend = tmp_path / ("a" * 60) / ("b" * 60)
    with pytest.raises(TimelineError, match=r"too long: \d+ letters below .*, and Windows takes 259\. "):
        new_take_folder(blend, "🎥" * 64)
    assert list(tmp_path.iterdir()) == []
    assert new_take_folder(blend, "shot").is_dir()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "realcam").write_text("a file is in the way")
    with pytest.raises(TimelineError, match="folder for the clip cannot be made") as raised:
        new_take_folder(tmp_path, "Camera")
    assert str(tmp_path / "realcam") in raised.value.why
    assert "Save the .blend" in raised.value.remedy


def test_clips_of_an_unsaved_file_stay_in_the_add_on_s_folder(blender: ModuleType, tmp_path: Path) -> None:
    assert clips_folder() == unsaved_folder()
    # `//` means nothing there.
    assert blender_path(unsaved_folder() / "realcam" / "shot" / "take_001", None).startswith(str(unsaved_folder()))
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert clips_folder() == tmp_path


def test_an_unsaved_file_is_asked_to_be_saved(blender: ModuleType) -> None:
    with pytest.raises(TimelineError, match=r"\.blend is not saved.*Save the file"):
        blend_folder()


def test_takes_live_on_the_scene_through_undo_save_copy_and_append(
    blender: ModuleType, new_take: MakeTake, saved_blend: Path
) -> None:
    scene = blender.context.scene
    one, two, other = new_take(seed=7), new_take(), new_take(shot="B")
    for take in (one, two, other):
        remember_take(scene, take)
    remember_take(scene, one)
    assert takes_of(scene, "Camera") == (two, one)
    assert takes_of(scene) == (two, other, one)
    assert (one.settings.seed, one.settings.prompt, one.draft, one.folder) == (
        7,
        "a motorcycle",
        True,
        "//realcam/Camera/take_001",
    )
    assert takes_of(scene.copy()) == takes_of(scene)
    blender.ops.wm.save_mainfile()
    forget_take(scene, one)
    assert takes_of(scene, "Camera") == (two,)
    blender.ops.wm.open_mainfile(filepath=str(saved_blend / "shot.blend"))
    assert takes_of(blender.context.scene, "Camera") == (two, one)
    blender.ops.wm.read_factory_settings(use_empty=True)
    with blender.data.libraries.load(str(saved_blend / "shot.blend")) as (inside, wanted):
        wanted.scenes = inside.scenes
    assert takes_of(wanted.scenes[0], "Camera") == (two, one)


def test_undo_takes_back_the_take_and_its_strip(blender: ModuleType, new_take: MakeTake) -> None:
    one, two = new_take(), new_take()
    blender.ops.ed.undo_push(message="before")
    remember_take(blender.context.scene, one)
    place_strip(blender.context.scene, one)
    blender.ops.ed.undo_push(message="one")
    remember_take(blender.context.scene, two)
    place_strip(blender.context.scene, two)
    blender.ops.ed.undo_push(message="two")
    assert [s.name for s in shot_strips(blender.context.scene, "Camera")] == ["Camera, take 2"]
    blender.ops.ed.undo()
    assert takes_of(blender.context.scene) == (one,)
    assert [s.name for s in shot_strips(blender.context.scene, "Camera")] == ["Camera, take 1"]


def test_a_lost_blend_finds_its_takes_in_their_folders(
    blender: ModuleType, new_take: MakeTake, saved_blend: Path
) -> None:
    one, two = new_take(), new_take(frame_start=10, frame_end=40, seed=3)
    (saved_blend / "realcam/Camera/take_001/take.json").unlink()
    (saved_blend / "realcam/Camera/take_003").mkdir()
    scene = blender.context.scene
    scene.frame_start = 5
    scene.render.resolution_x, scene.render.resolution_y = 640, 360
    found = recover_takes(scene)
    assert found[1] == two
    assert (found[0].number, found[0].settings, found[0].frame_start, found[0].frame_end) == (1, one.settings, 5, 20)
    assert takes_of(scene) == found
    assert recover_takes(scene) == ()
    scene[SCENE_PROPERTY] = "[{"
    with pytest.raises(TimelineError, match="takes of scene 'Scene' cannot be read"):
        takes_of(scene)
    assert len(recover_takes(scene)) == 2


def test_found_clips_are_those_of_the_render_and_a_damaged_one_hides_none(
    blender: ModuleType, new_take: MakeTake, saved_blend: Path
) -> None:
    new_take()
    new_take()
    for number in (1, 2):
        (saved_blend / f"realcam/Camera/take_00{number}/take.json").unlink()
    (saved_blend / "realcam/Camera/take_001/frames/0003.png").unlink()
    render = blender.context.scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 1920, 1080, 50
    render.pixel_aspect_x, render.pixel_aspect_y = 2.0, 1.0
    (take,) = recover_takes(blender.context.scene)
    assert take.number == 2
    assert (take.artist_width, take.artist_height, take.pixel_aspect) == (960, 540, 2.0)


def test_a_blend_saved_elsewhere_still_finds_its_clip(
    blender: ModuleType, new_take: MakeTake, saved_blend: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    take = new_take()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    blender.ops.wm.save_as_mainfile(filepath=str(elsewhere / "copy.blend"))
    assert take_folder(take) == str(saved_blend / "realcam/Camera/take_001")
    assert take_place(take) == saved_blend / "realcam/Camera/take_001"
    shutil.copytree(saved_blend / "realcam", elsewhere / "realcam")
    assert take_folder(take) == "//realcam/Camera/take_001"
    assert take_place(take) == elsewhere / "realcam/Camera/take_001"


def test_a_blend_saved_beside_another_shows_its_own_takes_and_copies_them_along(
    addon: ModuleType, new_take: MakeTake, saved_blend: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The other's take 1 is not taken for ours; ours keep their numbers, and the next one is above them all."""
    scene = addon.context.scene
    takes = [new_take(), new_take(grey=90)]
    for take in takes:
        remember_take(scene, take)
    place_strip(scene, takes[1])
    image = clip_image(takes[1], "background", "sRGB")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    theirs = new_take_folder(elsewhere, "Camera")
    shutil.copytree(saved_blend / "realcam/Camera/take_001", theirs, dirs_exist_ok=True)
    record = msgspec.structs.replace(takes[0], job_id="of another file")
    (theirs / "take.json").write_bytes(msgspec.json.encode(record))
    addon.ops.wm.save_as_mainfile(filepath=str(elsewhere / "copy.blend"))
    assert take_folder(takes[0]) == str(saved_blend / "realcam/Camera/take_001")
    assert take_place(takes[0]) == saved_blend / "realcam/Camera/take_001"
    assert highest_number("Camera") == 2
    folder = new_take_folder(elsewhere, "Camera", highest_number("Camera"))
    assert folder.name == "take_003"
    discard_take_folder(folder)

    assert takes_elsewhere(scene) == tuple(takes)
    assert addon.ops.realcam.copy_takes() == {"FINISHED"}
    assert [take.folder for take in takes_of(scene)] == [takes[0].folder, "//realcam/Camera/take_002"]
    assert takes_elsewhere(scene) == (takes[0],)
    shutil.rmtree(saved_blend / "realcam")
    (strip,) = shot_strips(scene, "Camera")
    shown = Path(addon.path.abspath(strip.directory)) / strip.elements[0].filename
    assert shown.parent == elsewhere / "realcam/Camera/take_002/frames"
    assert shown.is_file()
    assert Path(addon.path.abspath(image.filepath)).is_file()
    assert take_folder(takes_of(scene)[1]) == "//realcam/Camera/take_002"


def test_what_the_engine_said_of_the_clip_stays_with_the_take(new_take: MakeTake, saved_blend: Path) -> None:
    new_take()
    folder = saved_blend / "realcam/Camera/take_001"
    sidecar = msgspec.json.decode((folder / "metadata.json").read_bytes(), type=ClipSidecar)
    said = msgspec.structs.replace(sidecar, notes=("The prompt was longer than the model reads.",))
    (folder / "metadata.json").write_bytes(msgspec.json.encode(said))
    (folder / "take.json").unlink()
    (take,) = found_takes(saved_blend, frame_start=1, artist_size=(320, 180))
    assert take.notes == said.notes


def test_a_clip_that_is_not_whole_is_no_take(new_take: MakeTake, saved_blend: Path) -> None:
    take = new_take()
    folder = saved_blend / "realcam/Camera/take_001"
    arguments: dict[str, Any] = {
        "blend_folder": saved_blend,
        "shot": "Camera",
        "placement": ShotPlacement(artist_width=320, artist_height=180, frame_start=1, frame_end=96),
        "camera": "Camera",
    }
    again = make_take(folder, **arguments)
    assert msgspec.structs.replace(again, created=take.created) == take
    (folder / "frames/0015.png").unlink()
    with pytest.raises(TimelineError, match="clip is not whole: 1 of 16 frames are missing"):
        make_take(folder, **arguments)
    (folder / "metadata.json").write_text("{}")
    with pytest.raises(TimelineError, match="no metadata"):
        make_take(folder, **arguments)
