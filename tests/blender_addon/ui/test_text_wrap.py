"""Sentences are broken into lines that fit, and nothing of them is lost."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.blender

NARROW = "il.-/ "


def lines(text: str, width: float) -> list[str]:
    from blender_addon.ui.text_wrap import lines_within

    return lines_within(text, width, measure)


def measure(line: str) -> float:
    """Half a unit for a narrow character, one for the others."""
    return sum(0.5 if character in NARROW else 1.0 for character in line)


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 10, [""]),
        ("in words", 20, ["in words"]),
        ("broken between words", 8, ["broken", "between", "words"]),
        ("a  b\nc", 20, ["a b c"]),
        ("see /home/anna/shots/bike.png now", 12, ["see /home/", "anna/shots/", "bike.png now"]),
        (r"C:\Users\anna\shot_take_001", 10, ["C:\\Users\\", "anna\\shot_", "take_001"]),
        ("a well-known predictor", 8, ["a well-", "known pr", "edictor"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("abc", 0.1, ["a", "b", "c"]),
        ("wait...for it", 6, ["wait...", "for it"]),
    ],
)
def test_a_sentence_in_lines(text: str, width: float, expected: list[str]) -> None:
    assert lines(text, width) == expected


@given(st.text(st.sampled_from("ab il/\\_-.\n"), max_size=60), st.floats(0.1, 30))
def test_nothing_is_lost_nothing_too_wide_and_words_that_fit_stay_whole(text: str, width: float) -> None:
    found = lines(text, width)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(measure(line) <= width or len(line) == 1 for line in found)
    whole = [word for word in text.split() if measure(word) <= width]
    assert set(whole) <= {word for line in found for word in line.split()}


def test_a_command_in_a_reason_is_a_button_that_copies_it(addon: ModuleType) -> None:
    from blender_addon.ui.depth.install_operators import CopyCommand
    from blender_addon.ui.text_wrap import draw_reason

    words: list[str] = []
    button = SimpleNamespace()
    layout = SimpleNamespace(label=lambda text, icon: words.append(text), operator=lambda *_, **__: button)
    layout.column = lambda **_: layout
    draw_reason(layout, addon.context, "pycolmap is missing: run `uv sync --extra evaluation` there")
    assert " ".join(words) == "pycolmap is missing: run the line below there"
    context = SimpleNamespace(window_manager=SimpleNamespace(clipboard=""))
    operator = SimpleNamespace(line=button.line, report=lambda *_: None, bl_label="Copy")
    assert CopyCommand.execute(operator, context) == {"FINISHED"}
    assert context.window_manager.clipboard == "uv sync --extra evaluation"
