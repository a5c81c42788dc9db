"""An error that comes at each redraw is in the log once."""

from __future__ import annotations

import logging

import pytest

from blender_addon.core.entry_points import QUIET_SECONDS, Guard


def test_a_panel_that_breaks_in_one_of_two_windows_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0

    def draw(window: str) -> str:
        if window == "broken":
            raise TypeError("made up for this test")
        return window

    guard = Guard(draw, "The panel could not be drawn", lambda error: error.what, clock=lambda: now)

    def logged_in_redraws() -> int:
        caplog.clear()
        for _ in range(3):
            assert guard("broken") == "The panel could not be drawn"
            assert guard("whole") == "whole"
        return len(caplog.records)

    with caplog.at_level(logging.ERROR):
        assert logged_in_redraws() == 1
        assert logged_in_redraws() == 0
        now += QUIET_SECONDS + 1
        assert logged_in_redraws() == 1
