"""A command that meets an error that nobody foresaw ends in words."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from typer.testing import CliRunner

from server import cli


def test_a_command_ends_in_words(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_arguments: Any, **_named: Any) -> Any:
        raise TypeError("made up for this test")

    monkeypatch.setattr("server.commands.generate.make_clip", broken)
    with caplog.at_level(logging.ERROR):
        got = CliRunner().invoke(cli.app, ["generate", "--photo", "a", "--depth", "b", "--trajectory", "c"])
    assert got.exit_code == 1
    assert "The command stopped: TypeError: made up for this test" in got.stderr
    assert [record.message for record in caplog.records if record.exc_info] == ["The command stopped"]


def test_a_wrong_option_is_still_a_usage_error() -> None:
    got = CliRunner().invoke(cli.app, ["generate", "--no-such-option"])
    assert got.exit_code == 2
    assert "No such option" in got.stderr
