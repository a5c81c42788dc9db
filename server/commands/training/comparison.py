"""`realcam nano table` and `joins`: trained networks side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blender_addon.core.errors import RealCamError
from server.commands.friendly_errors import friendly_errors
from server.packages import MODEL_PACKAGES, absent_packages
from server.terminal.plain_console import say

Config = Annotated[Path, typer.Argument(help="Configuration, TOML: server/training/nano/configs; see table in it.")]
PartText = Annotated[str, typer.Option("--part", help="K/N: every N-th clip from the K-th on; others make the rest.")]
Report = Annotated[bool, typer.Option("--report", help="Write the tables of what was made so far, and make nothing.")]


def table(config: Config, part: PartText = "1/1", report: Report = False) -> None:
    """Do networks trained in metres follow a camera better? Make test clips by each, measure them, write the table.

    It goes on where it was stopped, clip by clip: table.md, table.json and table.png lie in OUT/comparison.
    """
    _compare(config, part, report, joined=False)


def joins(config: Config, part: PartText = "1/1", report: Report = False) -> None:
    """How do loops close, interpolations end and continuations join? As `table`: joins.md, joins.json and joins.png."""
    _compare(config, part, report, joined=True)


def _compare(file: Path, part: str, report: bool, joined: bool) -> None:
    with friendly_errors():
        absent = absent_packages(MODEL_PACKAGES, "models")
        if absent:
            raise RealCamError("Nothing can be compared here", absent)
        from server.training.comparison.comparison import read_part
        from server.training.comparison.takes import in_words
        from server.training.nano.config import read_nano_config
        from server.training.nano.table import nano_comparison

        chosen = read_part(part)
        comparison = nano_comparison(read_nano_config(file), joined)
        if not report:
            for done, total, take in comparison.make(chosen):
                say(f"{done}/{total} {take.key.clip} {take.key.row}: {in_words(take)}")
        say(comparison.write())
