from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from blender_addon.timeline.background import remove_camera_background, set_camera_background
from blender_addon.timeline.frame_mapping import shown_frames
from blender_addon.timeline.take import frame_file
from tests.support.clips import MakeTake

pytestmark = pytest.mark.blender


@pytest.fixture
def camera(blender: ModuleType) -> Any:
    data = blender.data.cameras.new("Camera")
    made = blender.data.objects.new("Camera", data)
    blender.context.scene.collection.objects.link(made)
    blender.context.scene.camera = made
    return made


def shown_file(blender: ModuleType, background: Any, frame: int) -> Path:
    """The file that the background shows at a scene frame, as Blender computed it."""
    blender.context.scene.frame_set(frame)
    blender.context.evaluated_depsgraph_get()
    path = background.image.filepath_from_user(image_user=background.image_user)
    return Path(blender.path.abspath(path))


@pytest.mark.parametrize(("frames", "start", "end"), [(16, 21, 116), (16, -10, 40), (16, 5, 20), (16, 1, 9), (5, 7, 7)])
def test_each_scene_frame_shows_its_clip_frame(
    blender: ModuleType, camera: Any, new_take: MakeTake, frames: int, start: int, end: int
) -> None:
    take = new_take(frames=frames, frame_start=start, frame_end=end)
    background = set_camera_background(camera, take)
    folder = Path(blender.path.abspath(take.folder))
    expected = shown_frames(frames, end - start + 1)
    around = sorted({start, start + 1, (start + end) // 2, end - 1, end} & set(range(start, end + 1)))
    for frame in around:
        assert shown_file(blender, background, frame).samefile(folder / frame_file(expected[frame - start]))


def test_it_fills_the_frame_and_keeps_the_artists_choice(blender: ModuleType, camera: Any, new_take: MakeTake) -> None:
    background = set_camera_background(camera, new_take())
    assert (background.frame_method, background.scale, tuple(background.offset)) == ("CROP", 1.0, (0.0, 0.0))
    assert camera.data.show_background_images
    assert (background.alpha, background.display_depth) == (0.5, "FRONT"), "behind, the photo's mesh would hide it"
    background.alpha, background.display_depth = 0.75, "BACK"
    set_camera_background(camera, new_take())
    assert len(camera.data.background_images) == 1
    assert (background.alpha, background.display_depth) == (0.75, "BACK")
    assert "take_002" in background.image.filepath
    assert len(blender.data.images) == 1


def test_the_artists_own_backgrounds_stay(blender: ModuleType, camera: Any, new_take: MakeTake) -> None:
    theirs = camera.data.background_images.new()
    theirs.image = blender.data.images.new("theirs", 8, 8)
    camera.data.driver_add("background_images[0].alpha").driver.expression = "0.3"
    set_camera_background(camera, new_take())
    camera.data.background_images.remove(theirs)
    ours = set_camera_background(camera, new_take())
    assert len(camera.data.background_images) == 1
    theirs = camera.data.background_images.new()
    theirs.image = blender.data.images["theirs"]
    assert ours.image is not None
    remove_camera_background(camera)
    assert [b.image.name for b in camera.data.background_images] == ["theirs"]
    assert [curve.data_path for curve in camera.data.animation_data.drivers] == ["background_images[0].alpha"]
    assert [image.name for image in blender.data.images] == ["theirs"]
    remove_camera_background(camera)


def test_another_shot_on_the_same_camera_takes_its_place(blender: ModuleType, camera: Any, new_take: MakeTake) -> None:
    set_camera_background(camera, new_take(shot="A"))
    background = set_camera_background(camera, new_take(shot="B", frame_start=100, frame_end=110))
    assert len(camera.data.background_images) == 1
    assert shown_file(blender, background, 110).parts[-4:] == ("B", "take_001", "frames_in_shot", "0010.png")
    assert [image.name for image in blender.data.images] == ["B, take 1 background"]


def test_cameras_of_one_shots_name_keep_their_own_clips(blender: ModuleType, camera: Any, new_take: MakeTake) -> None:
    """Another scene may have a shot of the same name; a scene that was copied shows the same take until it changes."""
    first, second = new_take(), new_take()
    set_camera_background(camera, first)
    other = blender.data.objects.new("other", blender.data.cameras.new("other"))
    there = set_camera_background(other, second)
    (here,) = camera.data.background_images
    assert "take_001" in here.image.filepath
    assert "take_002" in there.image.filepath
    copied = blender.data.objects.new("copied", camera.data.copy())
    set_camera_background(copied, second)
    assert "take_001" in here.image.filepath
    assert len(blender.data.images) == 2, "one of each take"
