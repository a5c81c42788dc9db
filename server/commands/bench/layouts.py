"""`realcam bench layouts`: depth laid out by hand beside a sensor's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from server.bench.layouts import Closeness, mean_figures, measure_layouts
from server.terminal.plain_console import PlainConsole, PlainTable, say

from ..friendly_errors import friendly_errors

WAYS = {
    "layout": "layout",
    "ground": "its ground alone",
    "rows": "a ramp of rows",
    "aligned": "relative depth on its ground",
}


def layouts(
    data: Annotated[Path, typer.Option(help="Folder of photos with a sensor's depth: rgbd/ and sequences/ in it.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Recorded layouts of photos beside their sensors' depth: AbsRel and the share within 1.25 times (delta < 1.25)."""
    with friendly_errors():
        figures = measure_layouts(data)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(figures)).decode())
        return
    table = PlainTable("photo", "depth", "in its own metres", "scaled", "scaled and shifted", show_edge=False)
    for found in [*figures, *mean_figures(figures)]:
        cells = (_cell(c) for c in (found.as_given, found.scaled, found.scaled_and_shifted))
        table.add_row(found.photo if found.way == "layout" else "", WAYS[found.way], *cells)
    PlainConsole().print(table)


def _cell(closeness: Closeness | None) -> str:
    return "" if closeness is None else f"{closeness.abs_rel:.3f}  {closeness.within:.0%}"
