"""The clip's size follows the render and its frame count is held against the range, until the artist chooses."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from server.engines.draft.engine import CAPABILITY

pytestmark = pytest.mark.blender


@pytest.fixture
def shot(addon: ModuleType) -> Iterator[Any]:
    """The scene's shot with `draft` on offer and nothing chosen."""
    from blender_addon.generation.jobs import jobs

    jobs.engines = (CAPABILITY,)
    yield addon.context.scene.realcam
    jobs.close()


def render(shot: Any, width: int, height: int) -> None:
    shot.id_data.render.resolution_x, shot.id_data.render.resolution_y = width, height


def test_the_size_fits_the_render_until_one_is_chosen(addon: ModuleType, shot: Any) -> None:
    from blender_addon.ui.clip_format import clip_size
    from blender_addon.ui.shot.requests import shot_request

    for width, height, size in ((1920, 1080, "768x432"), (1080, 1920, "576x1024"), (1920, 1296, "512x320")):
        render(shot, width, height)
        assert shot.size == size
    shot.size = "512x512"
    render(shot, 1920, 1080)
    assert clip_size(shot) == shot_request(shot.id_data).size == (512, 512)
    assert addon.ops.realcam.fit_size() == {"FINISHED"}
    assert clip_size(shot) == (768, 432)


def test_a_size_that_a_file_holds_stays(shot: Any) -> None:
    from blender_addon.shot.check_shot import LOW_SHARE, share_seen
    from blender_addon.ui.clip_format import clip_size

    render(shot, 1080, 1920)
    assert share_seen(shot.id_data, clip_size(shot)) > LOW_SHARE
    shot.clip_width, shot.clip_height = 512, 320
    assert clip_size(shot) == (512, 320)
    assert share_seen(shot.id_data, clip_size(shot)) < LOW_SHARE, "180 of 512 columns"


def test_a_slide_show_is_mended_by_one_press(addon: ModuleType, shot: Any) -> None:
    from blender_addon.shot.check_shot import SLIDE_SHOW, pictures_a_second
    from blender_addon.ui.clip_format import clip_frames
    from blender_addon.ui.shot.clip_fit import frames_sentence

    scene = shot.id_data
    scene.render.fps, scene.frame_start, scene.frame_end = 24, 1, 250
    rate = pictures_a_second(scene, clip_frames(shot), *shot.frame_range())
    assert rate < SLIDE_SHOW
    assert frames_sentence(16, 250, rate) == "16 pictures over 250 frames: 1.5 a second"
    assert addon.ops.realcam.fit_frames() == {"FINISHED"}
    assert clip_frames(shot) == 256
    shot.frame_count = "16"
    assert addon.ops.realcam.fit_range() == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end) == (1, 16)
    shot.use_scene_range, shot.frame_start, shot.frame_end = False, 101, 350
    assert addon.ops.realcam.fit_range() == {"FINISHED"}
    assert shot.frame_range() == (101, 116)
    assert scene.frame_end == 16, "the scene's own range stays"


def test_frame_counts_are_in_order_and_a_still_is_none_of_them(shot: Any) -> None:
    from blender_addon.ui.clip_format import clip_frames, frame_count_items

    counts = [item[0] for item in frame_count_items(shot, None)]
    assert counts == ["8", "16", "24", "25", "32", "48", "64", "96", "128", "256"]
    shot.clip_frames = 9
    assert shot.frame_count == "9", "a stored number that is not offered stays in the list"
    shot.engine = "draft"
    assert clip_frames(shot) == 16
