"""`realcam bench draft`: how long the draft engine takes and how much memory it needs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from server.bench.draft import CLIPS, DraftCost, measure_draft
from server.terminal.plain_console import PlainConsole, PlainTable, say


def draft(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """The draft engine on an arc around the motorcycle: seconds by the clock and of the processor, memory."""
    found: list[DraftCost] = []
    for frames, size in CLIPS:
        with PlainConsole(stderr=True).status(f"{frames} frames of {size[0]} x {size[1]}"):
            found.append(measure_draft(frames, size))
    if as_json:
        say(json.dumps([asdict(cost) for cost in found], indent=2))
        return
    table = PlainTable("clip", "seconds", "of the processor", "memory", "longest silence", show_edge=False)
    for cost in found:
        table.add_row(
            f"{cost.frames} frames of {cost.width} x {cost.height}",
            f"{cost.seconds:.1f}",
            f"{cost.processor_seconds:.1f}",
            f"{cost.peak_bytes / 2**20:.0f} MiB",
            f"{cost.longest_silence:.1f} s",
        )
    PlainConsole().print(table)
