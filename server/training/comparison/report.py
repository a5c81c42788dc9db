"""The tables as Markdown and JSON, and sheets of pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from blender_addon.core.arrays import UInt8
from blender_addon.core.atomic_file import write_atomic
from blender_addon.core.held_files import rename_path
from server.training.reporting.contact_sheet import contact_sheet

from .bootstrap import Interval
from .summary import RowSummary

SHOWN = (0, 3, 6, 9, 12, 15)
"""Frames of a clip in a sheet."""


def markdown(rows: Sequence[RowSummary], title: str, compared: str) -> str:
    """A table, and below it how far each row is from the compared one.

    Args:
        rows: of it.
        title: said above it.
        compared: the row that the others are compared with.
    """
    if not rows:
        return f"{title}\n\nNothing was measured yet.\n"
    names = [name for name in rows[0].numbers if any(row.numbers[name].count for row in rows)]
    far = ["distance"] if any(row.distance is not None for row in rows) else []
    lines = [title, "", *_head(["row", "trainings", "clips", "not solved", *names, *far])]
    for row in rows:
        cells = [row.name, f"{row.trainings}", f"{row.clips}", f"{row.failed:.0%}"]
        cells += [_cell(row.numbers[name]) for name in names]
        lines.append(_line([*cells, *("-" if row.distance is None else f"{row.distance:.1f}" for _ in far)]))
    apart = [row for row in rows if row.apart]
    if apart:
        lines += ["", f"More than `{compared}` has, on the clips that both have:", "", *_head(["row", *names])]
        lines += [_line([row.name, *(_cell(row.apart[name], signed=True) for name in names)]) for row in apart]
    return "\n".join([*lines, ""])


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), _line(["---"] * len(cells))]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(found: Interval, signed: bool = False) -> str:
    if not found.count:
        return "-"
    sign = "+" if signed else ""
    if math.isnan(found.low):
        return f"{found.value:{sign}.3g}"
    return f"{found.value:{sign}.3g} [{found.low:{sign}.3g}, {found.high:{sign}.3g}]"


def write_json(file: Path, tables: Mapping[str, Sequence[RowSummary]]) -> None:
    """Write all numbers of the tables, NaN as null."""
    plain = {title: [msgspec.to_builtins(row) for row in rows] for title, rows in tables.items()}
    write_atomic(file, msgspec.json.format(msgspec.json.encode(_without_nan(plain))))


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return value


def save_strip(file: Path, frames: UInt8) -> None:
    """Keep frames [F, H, W, 3] as one picture, side by side."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    Image.fromarray(np.concatenate(list(frames), axis=1)).save(part, format="PNG")
    rename_path(part, file)


def read_strip(file: Path, width: int) -> UInt8:
    """Frames [F, H, W, 3] that `save_strip` kept."""
    with Image.open(file) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return np.stack(np.split(pixels, pixels.shape[1] // width, axis=1))


def sheet(groups: Sequence[Sequence[UInt8]]) -> Image.Image:
    """Clips in groups, one below another, of each a few frames."""
    return contact_sheet([[clip[[f for f in SHOWN if f < len(clip)]] for clip in group] for group in groups])
