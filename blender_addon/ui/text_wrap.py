"""Sentences in a narrow sidebar: Blender cuts a label off at the panel's edge, so they are wrapped here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import blf
import bpy

_MARGIN = 60
"""Pixels at UI scale 1 that the sidebar's tabs, a panel's borders and a label's own take; measured in Blender 5.2."""
_ICON = 26
BOX = 10
"""The same of a box around the text."""
BUTTON = 28
"""The same of a button of one icon beside the text."""

_COMMAND = re.compile("`([^`]+)`")
_PIECE = re.compile(r"[^/\\_.-]*[/\\_.-]+|[^/\\_.-]+")
"""A part of a word too long for a line, after which it may be broken: up to the end of a path's or a name's part."""


def draw_wrapped(layout: Any, context: bpy.types.Context, text: str, icon: str = "NONE", beside: int = 0) -> None:
    """Draw a text as label lines as wide as the sidebar.

    Args:
        layout: Where it is drawn.
        context: For the region's width.
        text: The text.
        icon: Stands before the first line; "NONE" for none.
        beside: Pixels at UI scale 1 that a box around the text and what is on its right take.
    """
    column = layout.column(align=True)
    column.scale_y = 0.8
    taken = _MARGIN + beside + (_ICON if icon != "NONE" else 0)
    for index, line in enumerate(wrapped(context, text, taken)):
        column.label(text=line, icon=icon if index == 0 else ("BLANK1" if icon != "NONE" else "NONE"))


def draw_reason(layout: Any, context: bpy.types.Context, reason: str, icon: str = "ERROR") -> None:
    """Draw why something cannot be done, or is slow; a command in it, between backticks, has a button that copies it.

    Args:
        layout: Where it is drawn.
        context: For the region's width.
        reason: As a server says it: a command is a line for a terminal, which nobody types from a panel.
        icon: Stands before it.
    """
    command = _COMMAND.search(reason)
    draw_wrapped(layout, context, _COMMAND.sub("the line below", reason), icon)
    if command is not None:
        layout.operator("realcam.copy_command", text="Copy the Line for a Terminal", icon="COPYDOWN").line = command[1]


def wrapped(context: bpy.types.Context, text: str, taken: int = _MARGIN) -> list[str]:
    """The lines of a text that fit the region.

    Args:
        context: For the region's width.
        text: The text; runs of spaces become one.
        taken: Pixels at UI scale 1 of the region's width that are used otherwise.
    """
    scale = context.preferences.system.ui_scale
    blf.size(0, context.preferences.ui_styles[0].widget.points * scale)
    width = max(80.0 * scale, (context.region.width if context.region else 280.0) - taken * scale)
    return lines_within(text, width, lambda line: float(blf.dimensions(0, line)[0]))


def lines_within(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    r"""The lines of a text, none wider than `width` unless one character is.

    Words stay whole where they fit a line alone. A longer one is broken after / \ _ - and the full stop, and between
    characters where that is not enough.

    Args:
        text: The text; runs of white space become one space, or the end of a line.
        width: What a line may measure.
        measure: The width of a line.
    """
    lines = [""]
    for word in text.split():
        gap = " " if lines[-1] else ""
        for part in _parts(word, width, measure):
            longer = lines[-1] + gap + part
            if measure(longer) <= width or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(part)
            gap = ""
    return lines


def _parts(word: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """The word in parts that each fit a line, or are one character."""
    if measure(word) <= width:
        return [word]
    parts: list[str] = []
    for piece in _PIECE.findall(word):
        parts += [piece] if measure(piece) <= width else piece
    return parts
