"""An engine's options, frame counts and tooltips, in the scene."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.protocol.capability import EngineCapability, EngineOption
from blender_addon.timeline.take import Take
from tests.support.takes import remembered_take

pytestmark = pytest.mark.blender

STEPS = EngineOption(name="steps", label="Steps", description="How often it looks", kind="int", default=25)
FADE = EngineOption(name="fade", label="Fade", description="How soft edges are", kind="float", default=0.5, maximum=1)
MODE = EngineOption(
    name="mode", label="Mode", description="Which way round", kind="choice", default="a", choices=("a", "b")
)


@pytest.fixture
def shot(addon: ModuleType) -> Iterator[Any]:
    """The scene's shot, with an engine that has options on offer and chosen."""
    from blender_addon.generation.jobs import jobs

    jobs.engines = (
        EngineCapability(
            name="knobs",
            label="Knobs",
            description="for tests",
            sizes=((64, 40),),
            frame_counts=(1, 4, 16),
            options=(STEPS, FADE, MODE),
        ),
    )
    shot = addon.context.scene.realcam
    shot.engine_name = "knobs"
    yield shot
    jobs.close()


def take(engine: str, **options: float | str | bool) -> Take:
    settings = ShotSettings(engine=engine, seed=7, options=dict(options))
    return remembered_take(frames=16, width=64, height=40, settings=settings)


def use(bpy: ModuleType, made: Take) -> None:
    """What the artist does: select the take, press Use Its Settings."""
    from blender_addon.timeline.takes import write_takes
    from blender_addon.ui.takes.takes_list import refresh_takes

    write_takes(bpy.context.scene, (made,))
    refresh_takes(bpy.context.scene)
    assert bpy.ops.realcam.use_take_settings() == {"FINISHED"}


def test_the_options_that_made_a_take_come_back(addon: ModuleType, shot: Any) -> None:
    from blender_addon.ui.engine_choice import option_values, set_option_defaults

    set_option_defaults(shot)
    shot.options["fade"].float_value = 0.125
    use(addon, take("knobs", steps=8, mode="b"))
    assert option_values(shot) == {"steps": 8, "fade": 0.5, "mode": "b"}
    assert (shot.seed, shot.clip_width, shot.clip_height, shot.clip_frames) == (7, 64, 40, 16)


def test_options_of_an_engine_that_is_not_on_offer_wait_for_it(addon: ModuleType, shot: Any) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.engine_choice import option_values

    engines, jobs.engines = jobs.engines, ()
    use(addon, take("knobs", steps=8, fade=0.25, mode="b"))
    assert option_values(shot) == {}
    jobs.engines = engines
    assert option_values(shot) == {"steps": 8, "fade": 0.25, "mode": "b"}


def test_the_line_of_a_take_says_its_options(addon: ModuleType) -> None:
    from blender_addon.ui.takes.takes_list import settings_line

    made = take("knobs", steps=8, fade=0.25, mode="b", tiled=True)
    assert settings_line(made) == "knobs · 64×40 · 16 fr · seed 7 · fade 0.25 · mode b · steps 8 · tiled on"


def test_the_line_of_a_take_leaves_out_what_the_engine_does_by_itself(shot: Any) -> None:
    """Also a number that Blender has rounded to float32."""
    from blender_addon.ui.takes.takes_list import settings_line

    made = take("knobs", steps=25, fade=0.50000001, mode="b")
    assert settings_line(made) == "knobs · 64×40 · 16 fr · seed 7 · mode b"


def test_the_engines_words_are_the_tooltip(addon: ModuleType, shot: Any) -> None:
    from blender_addon.ui.shot.option_operator import ChooseOption, ExplainOption

    for cls, name in ((ExplainOption, "explain_option"), (ChooseOption, "choose_option")):
        properties = addon.context.window_manager.operator_properties_last(f"realcam.{name}")
        properties.option = "fade"
        assert cls.description(addon.context, properties) == "How soft edges are"
