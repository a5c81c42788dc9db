"""An engine's options in the scene, as a server describes them: values, fields, presets."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest

from blender_addon.core.payloads.shot import ShotSettings
from blender_addon.core.protocol.capability import EngineCapability, EngineOption
from blender_addon.timeline.take import Take
from server.engines.realcam.settings import OPTIONS
from tests.support.takes import remembered_take

pytestmark = pytest.mark.blender

STEPS = EngineOption(
    name="steps", label="Steps", description="How often it looks", kind="int", default=25, minimum=1, maximum=40
)
FADE = EngineOption(name="fade", label="Fade", description="How soft edges are", kind="float", default=0.5, maximum=1)
MODE = EngineOption(
    name="mode", label="Mode", description="Which way round", kind="choice", default="a", choices=("a", "b")
)

KEEP = EngineOption(name="keep", label="Keep", description="It came later", kind="bool", default=True, unsaid=False)


def knobs(*options: EngineOption) -> EngineCapability:
    """An engine with these options."""
    return EngineCapability(
        name="knobs",
        label="Knobs",
        description="for tests",
        sizes=((64, 40),),
        frame_counts=(1, 4, 16),
        options=options,
    )


@pytest.fixture
def shot(addon: ModuleType) -> Iterator[Any]:
    """The scene's shot, with an engine that has options on offer and chosen."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.engine_options import option_properties

    jobs.engines = (knobs(STEPS, FADE, MODE),)
    option_properties.offer(jobs.engines)
    shot = addon.context.scene.realcam
    shot.engine_name = "knobs"
    yield shot
    jobs.close()


def test_what_to_know_of_a_choice_is_said_once_it_is_made(addon: ModuleType, shot: Any) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.engine_options import chosen_notes, hold

    jobs.engines = (knobs(STEPS, msgspec.structs.replace(MODE, choice_notes=("as ever", "for tests alone"))),)
    assert chosen_notes(shot) == ()
    hold(shot, {"mode": "b", "steps": 3})
    assert chosen_notes(shot) == ("for tests alone",)


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
    from blender_addon.ui.engine_options import option_values, property_name

    setattr(shot, property_name(FADE), 0.125)
    use(addon, take("knobs", steps=8, mode="b"))
    assert option_values(shot) == {"steps": 8, "fade": 0.5, "mode": "b"}
    assert (shot.seed, shot.clip_width, shot.clip_height, shot.clip_frames) == (7, 64, 40, 16)


def test_a_take_of_before_an_option_came_does_without_it(addon: ModuleType, shot: Any) -> None:
    """Its settings make the same clip again; a reset, or a new scene, takes what the engine does by default now."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.engine_options import option_values, reset_options

    jobs.engines = (knobs(STEPS, KEEP),)
    assert option_values(shot) == {"steps": 25, "keep": True}
    use(addon, take("knobs", steps=8))
    assert option_values(shot) == {"steps": 8, "keep": False}
    use(addon, take("knobs", steps=8, keep=True))
    assert option_values(shot) == {"steps": 8, "keep": True}
    reset_options(shot)
    assert option_values(shot) == {"steps": 25, "keep": True}


def test_options_of_an_engine_that_is_not_on_offer_wait_for_it(addon: ModuleType, shot: Any) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.engine_options import option_values

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


def field(shot: Any, option: EngineOption) -> Any:
    """The option's property as Blender's tooltip and Backspace see it."""
    from blender_addon.ui.engine_options import property_name

    return shot.bl_rna.properties[property_name(option)]


def test_a_field_has_the_engines_words_bounds_and_default(shot: Any) -> None:
    steps, fade, mode = field(shot, STEPS), field(shot, FADE), field(shot, MODE)
    assert (steps.name, steps.description) == ("Steps", "How often it looks.\nDefault: 25")
    assert (steps.default, steps.hard_min, steps.hard_max) == (25, 1, 40)
    assert (fade.default, fade.hard_max) == (0.5, 1.0)
    assert (mode.default, [item.identifier for item in mode.enum_items]) == ("a", ["a", "b"])
    assert not any(prop.is_animatable for prop in (steps, fade, mode))


def test_backspace_gives_the_engines_default(shot: Any) -> None:
    """Blender's Reset to Default Value writes the property's default through its setter."""
    from blender_addon.ui.engine_options import option_values, property_name

    for option, value in ((STEPS, 3), (FADE, 0.125), (MODE, "b")):
        setattr(shot, property_name(option), value)
    assert option_values(shot) == {"steps": 3, "fade": 0.125, "mode": "b"}
    for option in (STEPS, FADE, MODE):
        setattr(shot, property_name(option), field(shot, option).default)
    assert option_values(shot) == {"steps": 25, "fade": 0.5, "mode": "a"}


def test_the_blend_keeps_values_by_name_and_a_field_shows_them(shot: Any) -> None:
    """As files of earlier versions hold them; a value out of bounds is shown and sent as the nearest one inside."""
    from blender_addon.ui.engine_options import option_values, property_name

    old = shot.options.add()
    old.name, old.int_value = "steps", 1000
    other = shot.options.add()
    other.name, other.text_value = "mode", "z"
    assert getattr(shot, property_name(STEPS)) == 40
    assert option_values(shot) == {"steps": 40, "fade": 0.5, "mode": "a"}
    setattr(shot, property_name(STEPS), -5)
    assert shot.options["steps"].int_value == 1


def test_an_option_that_a_server_describes_differently_gets_another_field(shot: Any) -> None:
    """The one before stays: a button on screen may point to it. A default that is not allowed makes none."""
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.engine_options import option_properties, option_values, property_name

    setattr(shot, property_name(STEPS), 30)
    fewer = msgspec.structs.replace(STEPS, default=4, maximum=8)
    wrong = msgspec.structs.replace(MODE, name="wrong", default="c")
    jobs.engines = (knobs(fewer, wrong),)
    option_properties.offer(jobs.engines)
    assert (field(shot, STEPS).default, field(shot, fewer).default) == (25, 4)
    assert (getattr(shot, property_name(STEPS)), getattr(shot, property_name(fewer))) == (30, 8)
    assert option_values(shot)["steps"] == 8
    assert property_name(wrong) not in option_properties.names


def test_presets_change_the_steps_and_nothing_else(addon: ModuleType, shot: Any) -> None:
    from blender_addon.generation.jobs import jobs
    from blender_addon.ui.engine_options import option_values

    every = EngineOption(
        name="lossy_guidance_every", label="Guidance", description="", kind="int", default=1, minimum=1, maximum=5
    )
    jobs.engines = (knobs(STEPS, MODE, every),)
    shot.options.add().name = "mode"
    shot.options["mode"].text_value = "b"
    for preset, steps, guidance in (("FAST", 12, 2), ("BEST", 40, 1), ("BALANCED", 25, 1)):
        assert addon.ops.realcam.use_preset(preset=preset) == {"FINISHED"}
        assert option_values(shot) == {"steps": steps, "mode": "b", "lossy_guidance_every": guidance}
    assert addon.ops.realcam.reset_options() == {"FINISHED"}
    assert option_values(shot) == {"steps": 25, "mode": "a", "lossy_guidance_every": 1}
    jobs.engines = (knobs(FADE),)
    assert not addon.ops.realcam.use_preset.poll()


def test_the_tooltip_of_a_preset_says_what_it_sets(addon: ModuleType, shot: Any) -> None:
    from blender_addon.ui.shot.option_operator import UsePreset

    properties = addon.context.window_manager.operator_properties_last("realcam.use_preset")
    properties.preset = "BEST"
    assert UsePreset.description(addon.context, properties).endswith("usual steps and wait.\nSteps: 40")


def test_what_the_panel_shows_of_realcam_at_once() -> None:
    from blender_addon.ui.shot.option_rows import IN_SIGHT

    first = [option.name for option in OPTIONS[:IN_SIGHT]]
    assert first == ["mode", "steps", "guidance", "camera_guidance", "shaping", "keep_seen"]
