"""Engines side by side in the Generate panel, and what of the shot the chosen one would lose, before it is pressed."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from blender_addon.core.protocol.capability import EngineCapability
from blender_addon.core.protocol.engine_facts import (
    NOT_CLEAR,
    PHOTO,
    PREVIEW,
    Beginning,
    EngineFacts,
    EnginePace,
    MemoryNeed,
    PartLicence,
)
from server.engines.draft.engine import CAPABILITY as DRAFT
from server.engines.sana_wm.settings import OPTIONS as SANA_OPTIONS
from tests.support.shots import sideways

pytestmark = pytest.mark.blender

GB = 2**30
PAINTER = EngineCapability(
    name="painter",
    label="Painter (1.3B)",
    description="Paints",
    sizes=((512, 320),),
    frame_counts=(16, 81),
    unavailable="no weights: run `realcam weights get painter`",
    about=EngineFacts(
        reads=(PHOTO, PREVIEW),
        licences=(PartLicence(part="network", licence="Apache-2.0", commercial=NOT_CLEAR, why="unread"),),
        weights_bytes=7_100_000_000,
        weights_here=False,
        get_weights="realcam weights get painter",
        memory=MemoryNeed(on_card=True, least=8 * GB, there=24 * GB),
    ),
    pace=EnginePace(seconds=100.0, jobs=3),
)


class Drawn:
    """A layout that notes each label, and of each button its title, mark and whether it is pressed."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.buttons: list[tuple[str, str, bool]] = []

    def label(self, text: str = "", **_how: object) -> None:
        self.labels.append(text)

    def operator(self, _name: str, text: str = "", icon: str = "NONE", depress: bool = False, **_how: object) -> Any:
        self.buttons.append((text, icon, depress))
        return SimpleNamespace()

    def split(self, **_how: object) -> Drawn:
        return self

    row = column = box = split

    def panel_prop(self, _owner: Any, _name: str) -> tuple[Drawn, Drawn]:
        return self, self

    @property
    def text(self) -> str:
        return " ".join(self.labels)


@pytest.fixture
def offered(quick: ModuleType, shot: Any) -> Iterator[Any]:
    """The scene's shot, 16 frames of 512 x 320, with draft and painter on offer and draft chosen."""
    from blender_addon.generation.jobs import jobs

    jobs.engines = (DRAFT, PAINTER)
    settings = shot.realcam
    settings.engine_name = "draft"
    settings.clip_width, settings.clip_height, settings.clip_frames = 512, 320, 16
    yield shot
    jobs.close()


def compared(bpy: ModuleType) -> Drawn:
    from blender_addon.ui.engines.engine_rows import draw_comparison

    layout = Drawn()
    draw_comparison(layout, bpy.context)
    return layout


def test_a_line_for_each_engine_says_time_and_commercial_use(quick: ModuleType, offered: Any) -> None:
    drawn = compared(quick)
    assert drawn.buttons[:4] == [
        *(("", "CHECKBOX_HLT", False), ("Draft", "CHECKMARK", True)),
        *(("", "CHECKBOX_DEHLT", False), ("Painter", "ERROR", False)),
    ]
    assert drawn.labels[:10] == [
        *("Compare Engines", "Engine", "Time", "Commercial"),
        *("?", "yes"),
        *("4 min", "not clear"),
        *drawn.labels[8:10],
    ]
    assert "Reads photo, preview, camera, lens. Makes 8 to 256 frames" in drawn.text
    assert "Weights: none needed." in drawn.text
    assert "made no clip with it yet" in drawn.text


def test_all_there_is_to_know_of_the_chosen_one_stands_below(quick: ModuleType, offered: Any) -> None:
    offered.realcam.engine_name = "painter"
    said = compared(quick).text
    assert "Reads photo, preview, words." in said
    assert "Weights: 7.1 GB, not on this server. network: Apache-2.0; commercial use: not clear (unread)." in said
    assert "Memory: from 8.0 GB of a graphics card; this server has 24." in said
    assert "Time: about 4 min 22 s for this shot, by the last 3 clips made there." in said
    assert said.count("no weights:") == 1
    assert "It does not read the camera where the photo sees nothing." in said


def test_what_of_this_shot_would_be_lost_is_said_before_generate(quick: ModuleType, offered: Any) -> None:
    """The lens changes by keyframes, and the preview has shown what the photo sees."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.generation.shot_job import CoverageEstimate
    from blender_addon.ui.engine_options import hold
    from blender_addon.ui.engines.engine_rows import draw_lost
    from blender_addon.ui.preview_state import preview_state
    from blender_addon.ui.shot.requests import fingerprint

    lens = offered.camera.data
    for frame, length in ((1, 30.0), (12, 60.0)):
        lens.lens = length
        lens.keyframe_insert("lens", frame=frame)
    camera = sideways(2, 512, 320)
    preview_state.keep_estimate(CoverageEstimate(camera.at([1, 0]), np.array([0.5, 0.4])), fingerprint(offered))
    try:
        layout = Drawn()
        draw_lost(layout, quick.context, PAINTER)
        assert layout.text == (
            "It does not read the camera and the lens where the photo sees nothing, up to 60% of a frame."
        )
        whole = Drawn()
        draw_lost(whole, quick.context, DRAFT)
        assert whole.text == ""
        # `sideways` ends 0.3 m from the photo: where this shot begins.
        reads = EngineFacts(reads=(PHOTO,), beginning=Beginning(first_seen=0.9))
        begun = Drawn()
        draw_lost(begun, quick.context, msgspec.structs.replace(DRAFT, about=reads))
        assert begun.text.startswith("It needs a first picture: the shot does not begin at the photo, and its first")
        # 0.3 m told as 1.2: by 0.04 m a frame.
        beginning = Beginning(walk=(0.04, 1.0), scale_option="scale")
        walker = msgspec.structs.replace(DRAFT, about=EngineFacts(beginning=beginning), options=SANA_OPTIONS)
        jobs.engines = (walker,)
        hold(offered.realcam, {"scale": 4.0})
        walked = Drawn()
        draw_lost(walked, quick.context, walker)
        assert "It makes 30 frames more" in walked.text
    finally:
        preview_state.forget()


def test_an_engine_that_does_not_make_such_clips_is_marked(quick: ModuleType, offered: Any) -> None:
    offered.realcam.clip_frames = 24
    offered.realcam.engine_name = "painter"
    from blender_addon.generation.jobs import jobs

    jobs.engines = (DRAFT, msgspec.structs.replace(PAINTER, unavailable=""))
    drawn = compared(quick)
    assert drawn.buttons[3] == ("Painter", "ERROR", True)
    assert "It makes no clips of 24 frames." in drawn.text


def test_a_server_of_before_says_less(quick: ModuleType, offered: Any) -> None:
    from blender_addon.generation.jobs import jobs

    old = msgspec.structs.replace(PAINTER, about=msgspec.UNSET, pace=msgspec.UNSET, licence="Weights: ask")
    jobs.engines = (old,)
    offered.realcam.engine_name = "painter"
    drawn = compared(quick)
    assert drawn.labels[4:6] == ["?", "?"]
    assert "Weights: ask." in drawn.text
    assert "Reads" not in drawn.text


def test_a_press_on_a_line_chooses(quick: ModuleType, offered: Any) -> None:
    from blender_addon.ui.engines.engine_rows import ChooseEngine

    tip = ChooseEngine.description(quick.context, SimpleNamespace(engine="painter"))
    assert "Memory: from 8.0 GB of a graphics card" in tip
    assert quick.ops.realcam.choose_engine(engine="painter") == {"FINISHED"}
    assert offered.realcam.engine_name == "painter"
    with pytest.raises(RuntimeError, match="no engine gone"):
        quick.ops.realcam.choose_engine(engine="gone")


def test_times_are_short_in_a_column() -> None:
    from blender_addon.ui.engines.engine_rows import short_time

    assert [short_time(seconds) for seconds in (None, 0.2, 12, 200, 5400)] == ["?", "1 s", "12 s", "3 min", "1.5 h"]
