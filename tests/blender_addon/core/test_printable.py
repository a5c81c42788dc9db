"""Foreign text as text: whatever a name or a prompt holds can be shown, logged and sent."""

from __future__ import annotations

import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import PhotoError
from blender_addon.core.printable import printable

HARMLESS = "[draft] :smile: {0} %s <b>&amp; \"'`$(x) C:\\new ゐ é \u00a0 \U0001f469\u200d\U0001f680"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HARMLESS, HARMLESS),
        ("two\nlines\r\t\x1b[31m\x00", r"two\nlines\r\t\x1b[31m\x00"),
        (os.fsdecode(b"caf\xe9.png"), r"caf\xe9.png"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_any_text_can_be_sent_and_stays_what_it_was(text: str) -> None:
    shown = printable(text)
    assert msgspec.json.decode(msgspec.json.encode(shown)) == shown
    assert printable(shown) == shown
    assert printable(text, "\n").count("\n") == text.count("\n")
    assert PhotoError("It is gone", text).sentence.encode()
