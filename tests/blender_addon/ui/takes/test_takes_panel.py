"""What an artist does with takes: where they are shown, their stars and names, deleting one with its files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest

from blender_addon.core.payloads.background import BACKGROUND_FILE, BackgroundLayer, encode_background
from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.timeline.take import ShotPlacement, Take
from blender_addon.timeline.take_folders import make_take, new_take_folder
from server.demo.motorcycle import Motorcycle
from tests.support.clips import clip_frames, write_clip
from tests.support.takes import remembered_take

pytestmark = pytest.mark.blender

Keep = Callable[..., Take]


@pytest.fixture
def scene(addon: ModuleType, tmp_path: Path) -> Any:
    """A saved scene with a camera."""
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    made = addon.context.scene
    made.camera = addon.data.objects.new("Camera", addon.data.cameras.new("Camera"))
    made.collection.objects.link(made.camera)
    return made


@pytest.fixture
def keep(scene: Any, bike: Motorcycle, tmp_path: Path) -> Keep:
    """Makes a take of four frames, shows it and lists it, as a finished job does."""
    from blender_addon.timeline.shown_take import show_take
    from blender_addon.timeline.takes import remember_take
    from blender_addon.ui.takes.takes_list import refresh_takes

    def make(shot: str = "shot", frame_end: int = 4) -> Take:
        folder = new_take_folder(tmp_path, shot)
        write_clip(folder, clip_frames(bike.photo, 4, (96, 64)), ShotSettings(engine="draft"))
        placement = ShotPlacement(artist_width=96, artist_height=64, frame_start=1, frame_end=frame_end)
        take = make_take(folder, blend_folder=tmp_path, shot=shot, placement=placement, camera="Camera")
        remember_take(scene, take)
        realcam = scene.realcam
        show_take(scene, take, background=realcam.show_in_background, compositor=realcam.show_in_compositor)
        refresh_takes(scene, take)
        return take

    return make


def test_a_clip_is_in_the_cameras_view_by_itself_and_the_switch_acts_when_pressed(scene: Any, keep: Keep) -> None:
    from blender_addon.timeline.background import camera_background

    keep()
    background = camera_background(scene.camera)
    assert background is not None
    assert "take_001" in background.image.filepath
    scene.realcam.show_in_background = False
    assert camera_background(scene.camera) is None
    scene.realcam.show_in_background = True
    assert camera_background(scene.camera) is not None


def test_the_compositor_sets_all_its_switches_in_one_press_and_puts_them_back(scene: Any, keep: Keep) -> None:
    from blender_addon.blender_versions import compositor_tree
    from blender_addon.timeline.render_switches import renders_over_clip

    keep()
    render = scene.render
    before = (render.film_transparent, render.use_sequencer, render.use_compositing)
    assert before == (False, True, True)
    scene.realcam.show_in_compositor = True
    assert renders_over_clip(scene, None)
    assert any(node.bl_idname == "CompositorNodeAlphaOver" for node in compositor_tree(scene).nodes)
    scene.realcam.show_in_compositor = False
    assert (render.film_transparent, render.use_sequencer, render.use_compositing) == before
    assert compositor_tree(scene) is None


def test_the_compositors_switches_include_the_photos_mesh(addon: ModuleType, scene: Any) -> None:
    from blender_addon.timeline.render_switches import render_as_before, render_over_clip, renders_over_clip

    mesh = addon.data.objects.new("photo", addon.data.meshes.new("photo"))
    render_over_clip(scene, mesh)
    assert renders_over_clip(scene, mesh)
    mesh.is_holdout = False
    assert not renders_over_clip(scene, mesh)
    render_over_clip(scene, mesh)
    render_as_before(scene)
    assert not mesh.is_holdout
    assert not scene.render.film_transparent


def test_what_f12_renders_is_a_switch(scene: Any, keep: Keep) -> None:
    keep()
    assert scene.realcam.f12_renders == "CLIP"
    scene.realcam.f12_renders = "SCENE"
    assert not scene.render.use_sequencer
    assert scene.realcam.f12_renders == "SCENE"


def test_a_row_tells_its_take_apart_at_any_width() -> None:
    from blender_addon.ui.takes.takes_list import row_text

    now = datetime(2026, 5, 3, 18, 0, tzinfo=UTC)
    take = remembered_take(number=8, created="2026-05-03T14:32:10+00:00")
    assert row_text(take, False, now) == "8  draft  14:32"
    assert row_text(take, True, now) == "8  shot  draft  14:32"
    named = remembered_take(number=8, name="slow one", created="2026-05-02T14:32:10+00:00")
    assert row_text(named, False, now) == "8  slow one  2 May"


def test_name_and_stars_stay_with_the_take_and_with_its_files(addon: ModuleType, scene: Any, keep: Keep) -> None:
    from blender_addon.timeline.takes import SCENE_PROPERTY, takes_of

    keep()
    row = scene.realcam.takes[0]
    row.title = " the good one "
    assert addon.ops.realcam.rate_take(rating=4) == {"FINISHED"}
    assert row.title == "the good one"
    (take,) = takes_of(scene)
    assert (take.name, take.rating) == ("the good one", 4)
    del scene[SCENE_PROPERTY]
    assert addon.ops.realcam.find_takes() == {"FINISHED"}
    assert [(t.name, t.rating) for t in takes_of(scene)] == [("the good one", 4)]
    assert addon.ops.realcam.rate_take(rating=4) == {"FINISHED"}
    assert takes_of(scene)[0].rating == 0


def test_an_eye_shows_its_take_whatever_is_selected(addon: ModuleType, scene: Any, keep: Keep) -> None:
    from blender_addon.timeline.shown_take import shown_number

    keep()
    keep()
    assert shown_number(scene, "shot") == 2
    assert addon.ops.realcam.put_back_take(shot="shot", number=1) == {"FINISHED"}
    assert shown_number(scene, "shot") == 1
    assert scene.realcam.take_index == 0


def test_a_deleted_take_is_gone_from_disk_and_the_one_before_is_shown(
    addon: ModuleType, scene: Any, keep: Keep, tmp_path: Path
) -> None:
    from blender_addon.timeline.background import camera_background
    from blender_addon.timeline.strip import shot_strips
    from blender_addon.timeline.takes import takes_of

    keep()
    keep()
    shot_strips(scene, "shot")[0].split(frame=3, split_method="SOFT")
    copy = scene.copy()
    assert addon.ops.realcam.delete_take() == {"FINISHED"}
    assert not (tmp_path / "realcam/shot/take_002").exists()
    assert [take.number for take in takes_of(scene)] == [1]
    assert [take.number for take in takes_of(copy)] == [1]
    assert [strip.name for strip in shot_strips(scene, "shot")] == ["shot, take 1", "shot, take 1.001"]
    assert addon.ops.realcam.delete_take() == {"FINISHED"}
    assert shot_strips(scene, "shot") == []
    assert camera_background(scene.camera) is None
    assert not addon.ops.realcam.delete_take.poll()


def test_files_that_belong_to_another_blend_stay(
    addon: ModuleType, scene: Any, keep: Keep, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    keep()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    addon.ops.wm.save_as_mainfile(filepath=str(elsewhere / "copy.blend"))
    assert addon.ops.realcam.delete_take() == {"FINISHED"}
    assert len(scene.realcam.takes) == 0
    assert (tmp_path / "realcam/shot/take_001/clip.mp4").is_file()


def test_a_folder_that_holds_another_take_now_is_not_deleted(
    addon: ModuleType, scene: Any, keep: Keep, tmp_path: Path
) -> None:
    take = keep()
    record = tmp_path / "realcam/shot/take_001/take.json"
    record.write_bytes(msgspec.json.encode(msgspec.structs.replace(take, job_id="another", created="2020-01-01")))
    assert addon.ops.realcam.delete_take() == {"FINISHED"}
    assert record.is_file()


@pytest.mark.parametrize("operator", ["play_clip", "open_in_sequencer", "open_take_folder"])
def test_what_needs_a_window_says_so_without_one(addon: ModuleType, scene: Any, keep: Keep, operator: str) -> None:
    keep()
    with pytest.raises(RuntimeError, match="window"):
        getattr(addon.ops.realcam, operator)()


def test_a_kept_background_is_put_into_the_scene(addon: ModuleType, scene: Any, keep: Keep, tmp_path: Path) -> None:
    from tests.blender_addon.scene.handmade.placed_boxes import grey_photo

    take = keep()
    with pytest.raises(RuntimeError, match="photo is not in this scene"):
        addon.ops.realcam.add_background()
    photo = grey_photo(addon, tmp_path)
    with pytest.raises(RuntimeError, match="has no background"):
        addon.ops.realcam.add_background()
    corners = np.array([[-1, -1, 4], [1, -1, 4], [1, 1, 4]], np.float32)
    layer = BackgroundLayer(
        "behind", corners, np.array([[0, 1, 2]], np.int32), corners[:, :2] / 2 + 0.5, np.zeros((4, 4, 3), np.uint8)
    )
    (tmp_path / take.folder.removeprefix("//") / BACKGROUND_FILE).write_bytes(encode_background([layer]))
    assert addon.ops.realcam.add_background() == {"FINISHED"}
    (made,) = [child for child in photo.mesh.children if child.type == "MESH"]
    assert made.users_collection[0].name == "shot, take 1 background"
    assert addon.ops.realcam.add_background() == {"FINISHED"}, "again beside it"
