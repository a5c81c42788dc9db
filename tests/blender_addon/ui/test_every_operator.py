"""Every operator, called as the search menu or a script calls it: it works, or says in words why not."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from blender_addon.core.depth.depth_format import DEPTH_UNITS, DepthFormat
from blender_addon.core.protocol.capability import EngineCapability

pytestmark = pytest.mark.blender
pytest.importorskip("bpy")

from blender_addon.ui import engine_choice, server_status  # noqa: E402
from blender_addon.ui.photo.depth_fields import format_words  # noqa: E402
from blender_addon.ui.photo.scale_operators import scale_sentence  # noqa: E402

ELSEWHERE = {
    *("generate", "estimate_depth", "connect", "check_camera", "resume"),
    *("preview", "coverage", "try_demo", "shot_workspace", "open_online_manual", "help", "announce"),
}
"""Those that start a server, render, or want a window: their own tests call them."""


def press(bpy: ModuleType, name: str, **options: Any) -> str:
    """What the operator says; "" when it has done its work, or there was nothing to do."""
    try:
        getattr(bpy.ops.realcam, name)(**options)
    except RuntimeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("has_photo", [False, True])
def test_every_operator_works_or_says_why_not(quick: ModuleType, small_bike: Path, has_photo: bool) -> None:
    bpy = quick
    if has_photo:
        bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    names = sorted(set(dir(bpy.ops.realcam)) - ELSEWHERE)
    assert len(names) > 60
    for name in names:
        said = press(bpy, name)
        assert "Traceback" not in said, name
        assert ".py, line" not in said, f"{name} ends in an error that nobody foresaw: {said}"
        assert said == "" or len(said) > 20, name


def test_what_was_drawn_before_an_undo_names_nothing_any_more(quick: ModuleType, small_bike: Path) -> None:
    """Buttons keep the names and numbers of what they were drawn for."""
    bpy = quick
    bpy.ops.realcam.import_photo(filepath=str(small_bike), focal_mm=48.2)
    assert "There is no photo gone in this scene" in press(bpy, "choose_photo", mesh="gone")
    assert bpy.ops.realcam.remove_depth_points(index=5) == {"CANCELLED"}
    assert bpy.ops.realcam.forget_job(job_id="0" * 32) == {"CANCELLED"}
    bpy.context.scene.realcam.photo.photo_path = str(small_bike)
    assert "No depth file is chosen" in press(bpy, "choose_depth", filepath=str(small_bike.with_name("gone.npy")))
    bpy.context.scene.realcam.engine_name = "gone"
    assert "What the engine offers is not known yet" in press(bpy, "fit_frames")


def test_what_is_chosen_is_told_in_words() -> None:
    for chosen, words in (
        (DepthFormat(kind="relative", near="dark", nearest=1, farthest=6), "relative, near is dark, 1 to 6 m"),
        (DepthFormat(kind="disparity", focal=500, baseline=0.1), "disparity, 500 px, baseline 0.1 m"),
        (DepthFormat(), "unit automatic"),
        (DEPTH_UNITS["mm"].format, f"unit {DEPTH_UNITS['mm'].title}"),
        (DepthFormat(scale=0.3), "unit 0.3 m"),
    ):
        assert format_words(chosen) == words
    assert scale_sentence(1.0) == "The scene is as large as its depth says."
    assert scale_sentence(2.5) == "The scene is 2.5 times as large as its depth says."
    engine = EngineCapability(
        name="x",
        label="X",
        description="Makes clips.",
        sizes=(),
        frame_counts=(),
        unavailable="it needs a graphics card.",
        licence="Apache-2.0",
    )
    assert engine_choice._describe(engine) == (
        "Makes clips. Cannot run here: it needs a graphics card. Licence: Apache-2.0"
    )
    assert server_status._capability_line(engine) == ("CANCEL", "X: it needs a graphics card.")
    assert server_status._group_line("Check Camera", (engine,)) == ("CANCEL", "Check Camera: it needs a graphics card.")
    assert server_status._group_line("Check Camera", ())[1] == "Check Camera: this server does not offer it"
