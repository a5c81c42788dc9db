"""How a verb ends that cannot do its work: one sentence on standard error and exit code 1, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from blender_addon.core.errors import RealCamError


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Say the errors that a person can do something about: our own, and what the system says of a file."""
    try:
        yield
    except RealCamError as error:
        typer.echo(error.sentence, err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        if error.filename is None:
            raise
        typer.echo(f"{error.filename} cannot be used: {error.strerror}. Name another place.", err=True)
        raise typer.Exit(1) from error
