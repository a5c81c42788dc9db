"""`realcam bench cameras`: how right the camera check is on real sequences whose cameras are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer

from server.bench.camera_check import WindowFigures, measured_windows, sequences
from server.packages import absent_packages
from server.terminal.plain_console import PlainConsole, PlainTable, say

from ..friendly_errors import friendly_errors


def cameras(
    shared: Annotated[Path, typer.Option(help="Folder of test data: cases/ and data/ in it.")],
    results: Annotated[Path, typer.Option(help="Results, a line a window; those in it are not measured again.")],
    only: Annotated[str, typer.Option(help="Sequences whose name has this in it.")] = "",
) -> None:
    """Solve windows of real sequences with five seeds, also while a wrong camera is asked for, and count right ones."""
    if absent := absent_packages(("pycolmap",), extra="evaluation"):
        say(f"Cameras cannot be solved on this machine: {absent}.", err=True)
        raise typer.Exit(1)
    lines = results.read_bytes().splitlines() if results.is_file() else []
    known = [msgspec.json.decode(line, type=WindowFigures) for line in lines]
    with friendly_errors(), results.open("ab") as log:
        for sequence in sequences(shared):
            if only not in sequence.name:
                continue
            for figures in measured_windows(sequence, {window.key for window in known}):
                log.write(msgspec.json.encode(figures) + b"\n")
                log.flush()
                known.append(figures)
                say(_line(figures), err=True)
    _tabulate(known)


def _line(window: WindowFigures) -> str:
    return f"{window.sequence} {window.first}+{window.frames}x{window.stride} {window.asked}: {_right(window)}"


def _right(window: WindowFigures) -> str:
    return f"{window.right} of {len(window.solves)}"


def _tabulate(windows: list[WindowFigures]) -> None:
    table = PlainTable("sequence", "frames", "asked", "RotErr", "bar", "TransErr", "bar", "right", "follows", "silent")
    for w in windows:
        rot, trans = (_most([getattr(solve, name) for solve in w.solves]) for name in ("rot_err", "trans_err"))
        table.add_row(
            f"{w.sequence} {w.size[0]}x{w.size[1]}", f"{w.first}+{w.frames}x{w.stride}", w.asked,
            rot, f"{w.rot_bar:.3f}", trans, f"{w.trans_bar:.3f}", _right(w), "yes" if w.follows else "no",
            str(w.wrong_in_silence),
        )  # fmt: skip
    PlainConsole().print(table)
    for asked in sorted({w.asked for w in windows}):
        mine = [w for w in windows if w.asked == asked]
        solves = sum(len(w.solves) for w in mine)
        say(
            f"asked: {asked}: {sum(w.right for w in mine)} of {solves} solves right, "
            f"{sum(w.wrong_in_silence for w in mine)} wrong in silence, {sum(w.follows for w in mine)} of {len(mine)} "
            f"said to follow, {sum(w.seconds for w in mine) / solves:.1f} processor seconds a solve"
        )


def _most(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.median(known):.3f} to {max(known):.3f}" if known else "-"
