"""Sentences in a narrow sidebar: Blender cuts a label off at the panel's edge, so they are wrapped here."""

from __future__ import annotations

from typing import Any

import blf
import bpy

_MARGIN = 62
"""Pixels at scale 1 that the tabs, a panel's borders, a box and the scroll bar take."""
_ICON = 24
_FONT_SIZE = 11


def draw_wrapped(layout: Any, context: bpy.types.Context, text: str, icon: str = "NONE", beside: int = 0) -> None:
    """Draw a text as label lines as wide as the sidebar.

    Args:
        layout: Where it is drawn.
        context: For the region's width.
        text: The text.
        icon: Stands before the first line; "NONE" for none.
        beside: Pixels at UI scale 1 that something on the right of the text takes.
    """
    column = layout.column(align=True)
    column.scale_y = 0.8
    taken = _MARGIN + beside + (_ICON if icon != "NONE" else 0)
    for index, line in enumerate(wrapped(context, text, taken)):
        column.label(text=line, icon=icon if index == 0 else ("BLANK1" if icon != "NONE" else "NONE"))


def wrapped(context: bpy.types.Context, text: str, taken: int = _MARGIN) -> list[str]:
    """The lines of a text that fit the region.

    Args:
        context: For the region's width.
        text: The text; runs of spaces become one.
        taken: Pixels at UI scale 1 of the region's width that are used otherwise.
    """
    scale = context.preferences.system.ui_scale
    blf.size(0, _FONT_SIZE * scale)
    width = max(80.0 * scale, (context.region.width if context.region else 280.0) - taken * scale)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if blf.dimensions(0, longer)[0] <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
