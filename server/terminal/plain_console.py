"""Printing to a terminal: what is printed is text and never markup, whoever wrote it.

Rich takes [brackets] for styles and :words: for pictures, and terminals take escape sequences for orders. Paths,
titles, notes and reasons are other people's, so every command prints by these.
"""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.progress import TextColumn
from rich.table import Table
from rich.text import Text

from blender_addon.core.printable import printable

_LINES = "\n\t"


class PlainConsole(Console):
    """A console on which a string is shown as it is, in tables and their titles too.

    Args:
        stderr: write to standard error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """The string as text, with what cannot be printed as escapes."""
        return super().render_str(printable(text, _LINES), **options)


class PlainTable(Table):
    """A table of which nothing is cut: what is wider than its column goes on in the next line."""

    def add_column(self, *arguments: Any, **options: Any) -> None:
        """See rich's Table."""
        super().add_column(*arguments, **{"overflow": "fold", **options})


def description_column(template: str = "{task.description}", **options: Any) -> TextColumn:
    """A progress bar's description as plain text.

    Args:
        template: of the column, for its width.
        options: of rich's TextColumn.
    """
    return TextColumn(template, markup=False, **options)


def say(text: str, *, err: bool = False, nl: bool = True, colour: str | None = None) -> None:
    """Print text, unwrapped, so that a path in it can be copied.

    Args:
        text: of one or several lines.
        err: to standard error.
        nl: end with a line end.
        colour: a name that click knows.
    """
    typer.secho(printable(text, _LINES), err=err, nl=nl, fg=colour)
