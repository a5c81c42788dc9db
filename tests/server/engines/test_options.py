"""Options as a client sends them: used, or refused in words."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import EngineError
from blender_addon.core.protocol.capability import EngineOption, SettingValue
from blender_addon.core.protocol.engine_checks import checked_option, stated_options
from server.demo.motorcycle import Motorcycle
from server.engines.draft.engine import DraftEngine
from server.engines.realcam.settings import OPTIONS, read_settings
from server.engines.registry import capabilities
from tests.support.shots import small_shot

VALUES = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=20), st.sampled_from(["auto", "0.5"])
)


@given(st.sampled_from(OPTIONS), VALUES)
def test_a_value_is_of_its_kind_and_in_range_or_refused_in_words(option: EngineOption, value: SettingValue) -> None:
    with suppress(EngineError):
        checked = checked_option(option, value)
        if option.kind == "choice":
            assert checked in option.choices
        elif option.kind != "bool":
            assert option.minimum <= checked <= option.maximum


@pytest.mark.parametrize(
    ("minimum", "maximum", "allowed"), [(2.0, 5.0, "2 to 5"), (2.0, None, "at least 2"), (None, -1.0, "at most -1")]
)
def test_a_range_may_be_open_at_one_end(minimum: float | None, maximum: float | None, allowed: str) -> None:
    option = EngineOption(
        name="grain", label="Grain", description="", kind="float", default=0.0, minimum=minimum, maximum=maximum
    )
    with pytest.raises(EngineError, match=f"Grain is out of range: 0, allowed {allowed}"):
        checked_option(option, 0.0)


def test_an_option_that_came_later_is_said_by_new_shots_and_off_in_old_ones() -> None:
    """Its default counts for shots that are made now; those stored before mean what they meant."""
    assert read_settings({}).keep_seen is False
    assert stated_options(OPTIONS, {"steps": 3}) == {"keep_seen": True, "steps": 3}
    assert stated_options(OPTIONS, {"keep_seen": False}) == {"keep_seen": False}
    (option,) = (option for option in OPTIONS if option.name == "keep_seen")
    assert msgspec.json.decode(msgspec.json.encode(option), type=EngineOption) == option
    assert b"unsaid" not in msgspec.json.encode(OPTIONS[0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["steps", "guidance"])
def test_what_is_no_number_is_said(name: str, value: float) -> None:
    with pytest.raises(EngineError, match="is not a number"):
        read_settings({name: value})


def test_a_number_too_long_for_any_float_and_a_word_for_a_switch_are_refused() -> None:
    """JSON carries both; the word "off" would have meant on."""
    with pytest.raises(EngineError, match=r"out of range: a number of 3322 bits"):
        read_settings({"steps": 10**1000})
    with pytest.raises(EngineError, match="neither on nor off: 'off'"):
        read_settings({"keep_seen": "off"})


@pytest.mark.parametrize("value", ["soft", float("nan"), float("inf"), 1.5])
def test_the_draft_says_so_too(bike: Motorcycle, value: SettingValue) -> None:
    with pytest.raises(EngineError, match="Seam softness"):
        DraftEngine().generate(small_shot(bike, "draft", seam=value), lambda _: None)


def test_no_engine_has_an_option_twice() -> None:
    for engine in capabilities():
        twice = [name for name, count in Counter(option.name for option in engine.options).items() if count > 1]
        assert not twice, engine.name
