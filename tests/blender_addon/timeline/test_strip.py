from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blender_addon import blender_versions
from blender_addon.core.errors import TimelineError
from blender_addon.timeline.frame_mapping import shown_frames
from blender_addon.timeline.strip import (
    free_channel,
    place_strip,
    set_aside_strips,
    shot_strips,
    strip_hides_render,
)
from blender_addon.timeline.takes import take_folder
from tests.support.clips import MakeTake, Pixels, draw_quadrant, frame_shown, quadrant
from tests.support.takes import laid_back

pytestmark = pytest.mark.blender

Read = Callable[[int], Pixels]


@pytest.mark.parametrize(("fps", "fps_base"), [(24, 1.0), (25, 1.0), (30, 1.001)])
def test_the_strip_lasts_the_shot_at_any_rate(
    blender: ModuleType, new_take: MakeTake, rendered: Read, fps: int, fps_base: float
) -> None:
    scene = blender.context.scene
    scene.render.fps, scene.render.fps_base = fps, fps_base
    take = new_take(frame_start=21, frame_end=116)
    scene.sequence_editor_clear()
    strip = place_strip(scene, take)
    assert blender_versions.strip_span(strip) == (21, 117)
    expected = shown_frames(16, 96)
    for frame in (21, 24, 25, 68, 115, 116):
        assert frame_shown(rendered(frame)) == expected[frame - 21]
    assert rendered(20).max() == 0
    assert rendered(117).max() == 0


@pytest.mark.parametrize(
    ("clip_size", "artist_size", "pixel_aspect"),
    [
        ((512, 320), (640, 360), 1.0),
        ((512, 320), (480, 480), 1.0),
        ((512, 320), (270, 480), 1.0),
        ((320, 512), (360, 640), 1.0),
        ((256, 256), (640, 360), 1.0),
        ((512, 320), (360, 288), 16 / 11),
    ],
)
@pytest.mark.parametrize("percentage", [100, 50])
def test_the_strip_lines_up_with_the_artists_frame(
    blender: ModuleType,
    new_take: MakeTake,
    rendered: Read,
    clip_size: tuple[int, int],
    artist_size: tuple[int, int],
    pixel_aspect: float,
    percentage: int,
) -> None:
    """A corner of dark and bright is shown where FrameFit says, to within a pixel, and no border is left uncovered."""
    scene = blender.context.scene
    scene.render.resolution_x, scene.render.resolution_y = artist_size
    scene.render.resolution_percentage = percentage
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = pixel_aspect, 1.0
    made_for = (artist_size[0] * percentage // 100, artist_size[1] * percentage // 100)
    take = new_take(frames=2, size=clip_size, frame_end=2, artist_size=made_for, pixel_aspect=pixel_aspect)
    corner = np.array([clip_size[0] * 0.4, clip_size[1] * 0.45]).round()
    draw_quadrant(Path(blender.path.abspath(take.folder)) / "frames/0000.png", corner)
    place_strip(scene, take)
    pixels = rendered(1)
    assert pixels.shape == (made_for[1], made_for[0], 3)
    assert quadrant(pixels) == pytest.approx(tuple(laid_back(take.fit, corner)), abs=1.0)
    assert pixels.min(axis=2).min() > 0, "the clip leaves a border uncovered"


def test_a_take_made_for_another_resolution_still_lines_up(
    blender: ModuleType, new_take: MakeTake, rendered: Read
) -> None:
    scene = blender.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 960, 540
    take = new_take(frames=2, size=(512, 320), frame_end=2, artist_size=(320, 180))
    corner = np.array([200.0, 150.0])
    draw_quadrant(Path(blender.path.abspath(take.folder)) / "frames/0000.png", corner)
    place_strip(scene, take)
    assert quadrant(rendered(1)) == pytest.approx(tuple(3 * laid_back(take.fit, corner)), abs=1.0)


@pytest.mark.parametrize(("view", "allowed"), [("Standard", 1.0), ("AgX", 1.5), ("Filmic", 1.5)])
def test_the_clip_keeps_its_colours_under_the_scenes_view(
    blender: ModuleType, new_take: MakeTake, rendered: Read, view: str, allowed: float
) -> None:
    scene = blender.context.scene
    scene.view_settings.view_transform = view
    take = new_take(size=(320, 180), artist_size=(320, 180))
    place_strip(scene, take)
    with Image.open(f"{blender.path.abspath(take_folder(take))}/frames/0000.png") as picture:
        difference = np.abs(rendered(1).astype(int) - np.array(picture).astype(int))
    assert np.median(difference) == 0
    assert difference.mean() < allowed


def test_another_take_replaces_the_pictures_and_any_can_be_put_back(
    blender: ModuleType, new_take: MakeTake, rendered: Read
) -> None:
    scene = blender.context.scene
    one, two = new_take(grey=0), new_take(grey=100)
    assert (one.number, two.number) == (1, 2)
    place_strip(scene, one)
    place_strip(scene, two)
    assert [strip.name for strip in shot_strips(scene, "Camera")] == ["Camera, take 2"]
    assert frame_shown(rendered(96), grey=100) == 15
    place_strip(scene, one)
    assert [strip.name for strip in scene.sequence_editor.strips] == ["Camera, take 1"]
    assert frame_shown(rendered(96)) == 15


def test_what_the_artist_did_to_the_strip_stays_when_only_the_take_changes(
    blender: ModuleType, new_take: MakeTake, rendered: Read
) -> None:
    scene = blender.context.scene
    strip = place_strip(scene, new_take(grey=0))
    right = strip.split(frame=49, split_method="HARD")
    right.channel = 7
    strip.blend_alpha = 0.5
    two = new_take(grey=100)
    place_strip(scene, two)
    assert [(s.channel, blender_versions.strip_span(s)) for s in shot_strips(scene, "Camera")] == [
        (1, (1, 49)),
        (7, (49, 97)),
    ]
    assert shot_strips(scene, "Camera")[0].blend_alpha == pytest.approx(0.5)
    assert frame_shown(rendered(96), grey=100) == 15


def test_a_shot_with_another_range_gets_a_new_strip_on_its_channel(blender: ModuleType, new_take: MakeTake) -> None:
    scene = blender.context.scene
    place_strip(scene, new_take()).channel = 5
    strip = place_strip(scene, new_take(frame_start=50, frame_end=60))
    assert len(scene.sequence_editor.strips) == 1
    assert (strip.channel, blender_versions.strip_span(strip)) == (5, (50, 61))


def test_shots_have_strips_of_their_own(blender: ModuleType, new_take: MakeTake) -> None:
    scene = blender.context.scene
    place_strip(scene, new_take(shot="A"))
    place_strip(scene, new_take(shot="B"))
    assert sorted(strip.channel for strip in scene.sequence_editor.strips) == [1, 2]
    assert [strip.name for strip in shot_strips(scene, "A")] == ["A, take 1"]


def test_the_artists_strips_and_locked_channels_are_left_alone(blender: ModuleType, new_take: MakeTake) -> None:
    scene = blender.context.scene
    editor = scene.sequence_editor_create()
    colour = _colour(editor, 3, 90, 120)
    editor.channels[4].lock = True
    editor.channels[5].mute = True
    strip = place_strip(scene, new_take())
    assert strip.channel == 6
    place_strip(scene, new_take())
    assert (colour.name, colour.channel, blender_versions.strip_span(colour)) == ("Camera, take 1", 3, (90, 120))


def test_below_the_highest_channel_when_it_is_taken_and_a_sentence_when_all_are(blender: ModuleType) -> None:
    editor = blender.context.scene.sequence_editor_create()
    for channel in (1, 128):
        _colour(editor, channel, 1, 10)
    assert free_channel(editor, 5, 6) == 127
    assert free_channel(editor, 10, 11) == 1
    for channel in range(2, 128):
        editor.channels[channel].lock = True
    with pytest.raises(TimelineError, match=r"No channel of the sequencer is free.*frames 5 and 6"):
        free_channel(editor, 5, 6)


def _colour(editor: Any, channel: int, start: int, end: int) -> Any:
    """A strip of the artist's. The end became a length in 5.1."""
    parameters = editor.strips.bl_rna.functions["new_effect"].parameters
    lasts = {"length": end - start} if "length" in parameters else {"frame_end": end}
    return editor.strips.new_effect(name="Camera, take 1", type="COLOR", channel=channel, frame_start=start, **lasts)


def test_a_strip_in_a_meta_strip_gets_the_new_take_too(blender: ModuleType, new_take: MakeTake) -> None:
    scene = blender.context.scene
    strip = place_strip(scene, new_take())
    meta = scene.sequence_editor.strips.new_meta(name="edit", channel=9, frame_start=1)
    strip.move_to_meta(meta)
    two = new_take()
    place_strip(scene, two)
    assert [s.name for s in meta.strips] == ["Camera, take 2"]
    place_strip(scene, new_take(frame_end=40))
    assert [s.mute for s in meta.strips] == [True], "an edit of another range is kept"
    assert [s.name for s in shot_strips(scene, "Camera")] == ["Camera, take 3"]


def test_an_edited_strip_of_another_range_is_kept_muted_until_its_range_is_back(
    blender: ModuleType, new_take: MakeTake
) -> None:
    scene = blender.context.scene
    one = new_take()
    left = place_strip(scene, one)
    right = left.split(frame=49, split_method="SOFT")
    place_strip(scene, new_take(frame_start=50, frame_end=60))
    assert [strip.name for strip in shot_strips(scene, "Camera")] == ["Camera, take 2"]
    assert len(set_aside_strips(scene, "Camera")) == 2
    assert (left.mute, right.mute) == (True, True)
    place_strip(scene, one)
    assert [blender_versions.strip_span(s) for s in shot_strips(scene, "Camera")] == [(1, 49), (49, 97)]
    assert not any(strip.mute for strip in scene.sequence_editor.strips_all)
    assert set_aside_strips(scene, "Camera") == []


def test_effects_keyframes_and_modifiers_count_as_edits(blender: ModuleType, new_take: MakeTake) -> None:
    scene = blender.context.scene
    for number in range(3):
        strip = place_strip(scene, new_take(shot=str(number)))
        assert blender_versions.strip_span(strip) == (1, 97)
        if number == 0:
            strip.keyframe_insert("blend_alpha", frame=3)
        elif number == 1:
            strip.modifiers.new("curves", "CURVES")
        place_strip(scene, new_take(shot=str(number), frame_end=20))
        assert len(set_aside_strips(scene, str(number))) == (number < 2)


def test_sequencers_beside_the_scene_show_its_clip_but_not_instead_of_the_artists_edit(
    blender: ModuleType, new_take: MakeTake
) -> None:
    other = blender.context.scene
    place_strip(other, new_take())
    windows = blender.context.window_manager.windows
    if not windows or not hasattr(windows[0].workspace, "sequencer_scene"):
        pytest.skip("before 5.0 a sequencer shows its window's scene")
    window = windows[0]
    scene = blender.data.scenes.new("Hero")
    window.scene = scene
    assert window.workspace.sequencer_scene == other
    place_strip(scene, new_take(shot="Hero"))
    assert window.workspace.sequencer_scene == scene
    _colour(other.sequence_editor, 3, 90, 120)
    window.workspace.sequencer_scene = other
    place_strip(scene, new_take(shot="Hero"))
    assert window.workspace.sequencer_scene == other


def test_frames_that_are_gone_are_named_and_the_strip_stays(
    blender: ModuleType, new_take: MakeTake, saved_blend: Path
) -> None:
    scene = blender.context.scene
    one, two = new_take(), new_take()
    place_strip(scene, one)
    shutil.rmtree(saved_blend / "realcam" / "Camera" / "take_002" / "frames")
    with pytest.raises(TimelineError, match="pictures of Camera, take 2 are not there: 16 of 16 frames"):
        place_strip(scene, two)
    assert [strip.name for strip in scene.sequence_editor.strips] == ["Camera, take 1"]


def test_a_sequencer_without_a_scene_shows_the_shots(blender: ModuleType, new_take: MakeTake) -> None:
    scene = blender.context.scene
    place_strip(scene, new_take())
    shown = [getattr(workspace, "sequencer_scene", scene) for workspace in blender.data.workspaces]
    assert shown == [scene] * len(shown)


def test_the_strip_survives_save_and_reload_in_a_moved_folder(
    blender: ModuleType, new_take: MakeTake, saved_blend: Path, tmp_path_factory: pytest.TempPathFactory, rendered: Read
) -> None:
    place_strip(blender.context.scene, new_take())
    blender.ops.wm.save_mainfile()
    moved = tmp_path_factory.mktemp("elsewhere") / "project"
    shutil.move(saved_blend, moved)
    saved_blend.mkdir()
    blender.ops.wm.open_mainfile(filepath=str(moved / "shot.blend"))
    scene = blender.context.scene
    strip = shot_strips(scene, "Camera")[0]
    assert strip.directory.startswith("//realcam/Camera/take_001")
    scene.render.filepath = str(moved / "rendered.png")
    scene.frame_set(96)
    blender.ops.render.render(write_still=True)
    with Image.open(scene.render.filepath) as picture:
        assert frame_shown(np.array(picture.convert("RGB"))) == 15


def test_a_strip_is_what_f12_renders_while_the_sequencer_is_on(blender: ModuleType, new_take: MakeTake) -> None:
    scene = blender.context.scene
    assert not strip_hides_render(scene)
    place_strip(scene, new_take())
    assert strip_hides_render(scene)
    scene.render.use_sequencer = False
    assert not strip_hides_render(scene)
