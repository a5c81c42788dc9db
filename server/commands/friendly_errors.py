"""How a command ends when it fails: one sentence on standard error and an exit code, mostly 1, without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from blender_addon.core.errors import RealCamError
from server.terminal.plain_console import say


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Turn errors that a user can act on, RealCamError and OSError about a file, into a sentence and an exit code.

    Raises:
        typer.Exit: such an error was raised in the context.
    """
    try:
        yield
    except RealCamError as error:
        say(error.sentence, err=True)
        raise typer.Exit(error.exit_code) from error
    except OSError as error:
        if error.filename is None:
            raise
        say(f"{error.filename} cannot be used: {error.strerror}. Name another place.", err=True)
        raise typer.Exit(1) from error
