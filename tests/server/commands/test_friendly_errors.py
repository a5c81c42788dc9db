"""What a user can act on is a sentence; what nobody can is not hidden."""

from __future__ import annotations

import pytest
import typer

from blender_addon.core.errors import PhotoError
from server.commands.friendly_errors import friendly_errors


def test_a_file_is_named_and_an_error_of_no_file_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    for error, said in (
        (PhotoError("The photo is gone", "moved", "Put it back."), "The photo is gone: moved. Put it back.\n"),
        (OSError(28, "No space left on device", "/out"), "/out cannot be used: No space left on device."),
    ):
        with pytest.raises(typer.Exit) as ended, friendly_errors():
            raise error
        assert ended.value.exit_code != 0
        assert capsys.readouterr().err.startswith(said)
    with pytest.raises(OSError, match="Broken pipe"), friendly_errors():
        raise OSError(32, "Broken pipe")
